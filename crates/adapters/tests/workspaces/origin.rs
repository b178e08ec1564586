//! Where commits and lines come from.

use cw_core::ports::workspaces::{Origin, OriginOf, Workspaces};

use super::world::{World, write};

fn line(path: &str, line: u32, at: Option<&str>) -> OriginOf {
    OriginOf::Line {
        path: path.into(),
        line,
        at: at.map(str::to_owned),
    }
}

fn world() -> World {
    let world = World::new();
    write(&world.repo, "one.txt", "one\ntwo\n");
    world.git(["add", "-A"]);
    world.git([
        "commit",
        "--quiet",
        "-m",
        "Add one\n\nWhy: because\n\nCw-Task: first\nCw-Agent: soho",
    ]);
    world
}

fn origin(world: &World, ask: &OriginOf) -> Option<Origin> {
    world.ws.origin(&world.repo, ask).unwrap()
}

#[test]
fn a_commit_tells_its_trailers() {
    let world = world();
    let found = origin(&world, &OriginOf::Revision("HEAD".into())).unwrap();
    assert_eq!(found.commit, world.oid("main"));
    assert_eq!(found.subject, "Add one");
    let trailer = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        found.trailers,
        [trailer("Cw-Task", "first"), trailer("Cw-Agent", "soho")]
    );
    assert_eq!(origin(&world, &OriginOf::Revision("no-such".into())), None);
    assert_eq!(origin(&world, &OriginOf::Revision("--all".into())), None);
}

#[test]
fn a_line_tells_the_commit_that_wrote_it() {
    let world = world();
    let found = origin(&world, &line("one.txt", 2, None)).unwrap();
    assert_eq!(found.commit, world.oid("main"));
    assert_eq!(found.line.as_deref(), Some("two"));
    for missing in [
        line("one.txt", 9, None),
        line("none.txt", 1, None),
        line("../out.txt", 1, None),
        line("one.txt", 1, Some("no-such")),
    ] {
        assert_eq!(origin(&world, &missing), None, "{missing:?}");
    }
    write(&world.repo, "one.txt", "zero\none\ntwo\n");
    assert_eq!(origin(&world, &line("one.txt", 1, None)), None);
    assert_eq!(
        origin(&world, &line("one.txt", 1, Some("main")))
            .unwrap()
            .line
            .as_deref(),
        Some("one")
    );
}
