//! The promises of the `Store` port.

mod samples;

use std::borrow::Cow;

use cw_core::domain::event::{Event, Value};
use cw_core::domain::graph::{Needs, Node};
use cw_core::domain::state::{Key, Row, State};
use cw_core::domain::time::Timestamp;
use cw_core::domain::txn::Commit;
use cw_core::ports::store::{Fence, Loaded, Store, StoreError};

pub use samples::samples;

/// Opens the store of one place; a second call opens it again.
type Open<'p> = &'p dyn Fn() -> Box<dyn Store>;

type Case = (&'static str, fn(Open<'_>));

const CASES: &[Case] = &[
    ("a fresh store is empty", fresh_is_empty),
    ("every kind of row survives a reopening", rows_survive),
    (
        "a row that is put again takes the place of the old",
        put_replaces,
    ),
    ("a removed row is gone", removed_is_gone),
    ("what is not there may be removed", removing_nothing),
    ("lists of needs grow, shrink and go", needs_change),
    ("the loaded rows make the same state", state_is_the_same),
    ("several commits are saved in order", commits_in_order),
    ("events are read from a cursor, bounded", events_from_cursor),
    ("events keep what they tell", events_keep_data),
    ("a gap in the events saves nothing", gap_saves_nothing),
    (
        "an event that comes twice saves nothing",
        double_saves_nothing,
    ),
    (
        "a later commit's fault takes back the earlier one",
        later_fault,
    ),
    ("nobody saves without a lease", no_lease),
    ("an old fence is refused and saves nothing", old_fence),
    ("fences grow over reopenings", fences_grow),
    (
        "a row that names a missing one saves nothing",
        missing_parent,
    ),
    ("a row that others name is not removed", removed_parent),
    ("rows may come before those that they name", children_first),
    (
        "after a refusal the next save succeeds",
        usable_after_refusal,
    ),
    ("an open reader sees what is saved later", reader_follows),
    ("nothing to save is saved", nothing_to_save),
];

/// Runs every case, each in a fresh place: `fresh` makes one and gives what opens it.
///
/// # Panics
/// When a promise is broken; what was printed last names the case.
pub fn run<F: Fn() -> Box<dyn Store>>(fresh: impl Fn() -> F) {
    for (name, case) in CASES {
        println!("store: {name}");
        case(&fresh());
    }
}

fn put(rows: Vec<Row>) -> Commit {
    Commit {
        put: rows,
        ..Commit::default()
    }
}

fn told(seqs: impl IntoIterator<Item = u64>) -> Commit {
    Commit {
        events: seqs.into_iter().map(event).collect(),
        ..Commit::default()
    }
}

fn event(seq: u64) -> Event {
    Event {
        seq,
        at: Timestamp(1_700_000_000_000),
        kind: Cow::Borrowed("task.merged"),
        project: Some("shop".into()),
        initiative: None,
        task: Some("users-table".into()),
        agent: None,
        data: Vec::new(),
    }
}

fn leased(open: Open<'_>) -> (Box<dyn Store>, Fence) {
    let mut store = open();
    let fence = store.take_lease("a server").unwrap();
    (store, fence)
}

/// A store that holds the samples and one event.
fn filled(open: Open<'_>) -> (Box<dyn Store>, Fence, Loaded) {
    let (mut store, fence) = leased(open);
    store.save(fence, &[put(samples()), told([1])]).unwrap();
    let loaded = store.load().unwrap();
    (store, fence, loaded)
}

fn fresh_is_empty(open: Open<'_>) {
    assert_eq!(open().load().unwrap(), Loaded::default());
    assert_eq!(open().events().unwrap().after(0, 10).unwrap(), []);
}

fn rows_survive(open: Open<'_>) {
    let (store, _, loaded) = filled(open);
    let mut expected = samples();
    expected.sort_by_key(Row::key);
    assert_eq!(loaded.last_seq, 1);
    for (got, wanted) in loaded.rows.iter().zip(&expected) {
        assert_eq!(got, wanted);
    }
    assert_eq!(loaded.rows.len(), expected.len());
    drop(store);
    assert_eq!(open().load().unwrap(), loaded);
}

fn put_replaces(open: Open<'_>) {
    let (mut store, fence, before) = filled(open);
    // Every row takes the place of its neighbour: each column changes at least once.
    let shifted: Vec<Row> = before
        .rows
        .windows(2)
        .filter_map(|pair| samples::with_key(pair[0].clone(), pair[1].key()))
        .collect();
    assert!(shifted.len() > before.rows.len() / 2);
    store.save(fence, &[put(shifted.clone())]).unwrap();
    let mut expected: std::collections::BTreeMap<Key, Row> = before
        .rows
        .into_iter()
        .map(|row| (row.key(), row))
        .collect();
    expected.extend(shifted.into_iter().map(|row| (row.key(), row)));
    let expected: Vec<Row> = expected.into_values().collect();
    assert_eq!(open().load().unwrap().rows, expected);
}

fn removed_is_gone(open: Open<'_>) {
    let (mut store, fence, before) = filled(open);
    let removed: Vec<Key> = before.rows.iter().map(Row::key).collect();
    store
        .save(
            fence,
            &[Commit {
                removed,
                ..Commit::default()
            }],
        )
        .unwrap();
    let after = open().load().unwrap();
    assert_eq!((after.rows, after.last_seq), (Vec::new(), 1));
}

fn removing_nothing(open: Open<'_>) {
    let (mut store, fence) = leased(open);
    let commit = Commit {
        removed: samples().iter().map(Row::key).collect(),
        ..Commit::default()
    };
    store.save(fence, &[commit]).unwrap();
}

fn needs_change(open: Open<'_>) {
    let (mut store, fence, _) = filled(open);
    for nodes in [
        vec![Node::Task(2.into()), Node::Phase(1.into())],
        vec![
            Node::Phase(1.into()),
            Node::Plan(1.into()),
            Node::Task(3.into()),
        ],
        vec![Node::Plan(1.into())],
        vec![],
    ] {
        let needs = Row::Needs(Needs {
            id: 1.into(),
            nodes,
        });
        store.save(fence, &[put(vec![needs.clone()])]).unwrap();
        assert!(store.load().unwrap().rows.contains(&needs), "{needs:?}");
    }
    let gone = Key::Needs(1.into());
    let commit = Commit {
        removed: vec![gone],
        ..Commit::default()
    };
    store.save(fence, &[commit]).unwrap();
    assert!(
        store
            .load()
            .unwrap()
            .rows
            .iter()
            .all(|row| row.key() != gone)
    );
}

fn state_is_the_same(open: Open<'_>) {
    let (_, _, loaded) = filled(open);
    assert!(State::from_rows(loaded.rows, loaded.last_seq) == State::from_rows(samples(), 1));
}

fn commits_in_order(open: Open<'_>) {
    let (mut store, fence, _) = filled(open);
    let Some(Row::Project(mut project)) = samples().into_iter().next() else {
        panic!("the samples begin with a project");
    };
    let mut named = |name: &str| {
        name.clone_into(&mut project.name);
        put(vec![Row::Project(project.clone())])
    };
    let effect = samples()
        .into_iter()
        .find(|row| matches!(row, Row::Effect(_)))
        .unwrap();
    let dropped = Commit {
        removed: vec![effect.key()],
        ..Commit::default()
    };
    let mut last = named("second");
    last.events = vec![event(4)];
    store
        .save(
            fence,
            &[
                dropped,
                named("first"),
                told([2, 3]),
                put(vec![effect.clone()]),
                last,
            ],
        )
        .unwrap();
    let loaded = open().load().unwrap();
    assert_eq!(loaded.last_seq, 4);
    assert!(loaded.rows.contains(&effect));
    assert!(matches!(&loaded.rows[0], Row::Project(project) if project.name == "second"));
}

fn events_from_cursor(open: Open<'_>) {
    let (mut store, fence) = leased(open);
    store.save(fence, &[told(1..=5), told(6..=7)]).unwrap();
    let mut log = store.events().unwrap();
    let mut seqs = |after, limit| -> Vec<u64> {
        let events = log.after(after, limit).unwrap();
        events.iter().map(|event| event.seq).collect()
    };
    assert_eq!(seqs(0, 100), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(seqs(0, 2), [1, 2]);
    assert_eq!(seqs(2, 2), [3, 4]);
    assert_eq!(seqs(6, 2), [7]);
    assert_eq!(seqs(7, 2), [0; 0]);
    assert_eq!(seqs(u64::MAX, 2), [0; 0]);
    assert_eq!(seqs(0, 0), [0; 0]);
    assert_eq!(seqs(0, usize::MAX).len(), 7);
    assert_eq!(open().load().unwrap().last_seq, 7);
}

fn events_keep_data(open: Open<'_>) {
    let (mut store, fence) = leased(open);
    let mut full = event(1);
    full.initiative = Some("accounts".into());
    full.agent = Some("gastown".into());
    full.data = vec![
        ("z".into(), Value::Null),
        ("yes".into(), Value::Bool(true)),
        ("count".into(), Value::Int(-3)),
        ("most".into(), Value::Int(i64::MAX)),
        ("cost".into(), Value::Float(2.0)),
        ("share".into(), Value::Float(0.1)),
        (
            "text".into(),
            Value::Text("\"quoted\"\n\u{1b}[31m é 🦀 \u{0}".into()),
        ),
        ("list".into(), Value::List(vec!["a".into(), String::new()])),
        ("none".into(), Value::List(Vec::new())),
        ("a".into(), Value::Text(String::new())),
    ];
    let mut bare = event(2);
    bare.project = None;
    bare.task = None;
    let commit = Commit {
        events: vec![full.clone(), bare.clone()],
        ..Commit::default()
    };
    store.save(fence, &[commit]).unwrap();
    assert_eq!(open().events().unwrap().after(0, 9).unwrap(), [full, bare]);
}

/// Saving `commits` is refused and changes nothing.
fn refused(store: &mut dyn Store, fence: Fence, commits: &[Commit]) -> StoreError {
    let before = store.load().unwrap();
    let error = store.save(fence, commits).unwrap_err();
    assert_eq!(store.load().unwrap(), before);
    let events = store.events().unwrap().after(0, 1_000).unwrap();
    assert_eq!(events.len() as u64, before.last_seq);
    error
}

fn gap_saves_nothing(open: Open<'_>) {
    let (mut store, fence) = leased(open);
    store.save(fence, &[told([1, 2])]).unwrap();
    for seqs in [vec![4], vec![3, 5], vec![0], vec![4, 3]] {
        let mut commit = told(seqs);
        commit.put = samples();
        let error = refused(&mut *store, fence, &[commit]);
        assert!(matches!(error, StoreError::Failed(_)), "{error}");
    }
    store.save(fence, &[told([3])]).unwrap();
}

fn double_saves_nothing(open: Open<'_>) {
    let (mut store, fence) = leased(open);
    store.save(fence, &[told([1, 2])]).unwrap();
    for seqs in [vec![2], vec![3, 3], vec![1]] {
        refused(&mut *store, fence, &[put(samples()), told(seqs)]);
    }
}

fn later_fault(open: Open<'_>) {
    let (mut store, fence) = leased(open);
    let mut first = told([1]);
    first.put = samples();
    refused(&mut *store, fence, &[first.clone(), told([3])]);
    store.save(fence, &[first, told([2])]).unwrap();
    assert_eq!(store.load().unwrap().last_seq, 2);
}

fn no_lease(open: Open<'_>) {
    let mut store = open();
    for fence in [Fence(0), Fence(1)] {
        let error = refused(&mut *store, fence, &[put(samples())]);
        assert_eq!(error, StoreError::Fenced);
    }
}

fn old_fence(open: Open<'_>) {
    let (mut old, old_fence, _) = filled(open);
    let mut new = open();
    let new_fence = new.take_lease("another server").unwrap();
    assert!(new_fence > old_fence);
    let error = refused(&mut *old, old_fence, &[told([2])]);
    assert_eq!(error, StoreError::Fenced);
    assert_eq!(old.save(old_fence, &[]), Err(StoreError::Fenced));
    new.save(new_fence, &[told([2])]).unwrap();
    assert_eq!(old.load().unwrap().last_seq, 2);
    let unborn = Fence(new_fence.0 + 1);
    assert_eq!(new.save(unborn, &[]), Err(StoreError::Fenced));
}

fn fences_grow(open: Open<'_>) {
    let mut last = Fence(0);
    for _ in 0..3 {
        let (store, fence) = leased(open);
        assert!(fence > last);
        last = fence;
        drop(store);
    }
}

fn missing_parent(open: Open<'_>) {
    let (mut store, fence) = leased(open);
    for row in samples() {
        if matches!(row, Row::Project(_) | Row::Effect(_)) {
            continue;
        }
        let said = format!("{row:?}");
        let error = refused(&mut *store, fence, &[put(vec![row])]);
        assert!(matches!(error, StoreError::Failed(_)), "{said}: {error}");
    }
}

fn removed_parent(open: Open<'_>) {
    let (mut store, fence, _) = filled(open);
    for key in [
        Key::Project(1.into()),
        Key::Initiative(1.into()),
        Key::Phase(1.into()),
        Key::Plan(1.into()),
        Key::Task(1.into()),
        Key::Agent(1.into()),
        Key::Merge(1.into()),
    ] {
        let commit = Commit {
            removed: vec![key],
            ..Commit::default()
        };
        let error = refused(&mut *store, fence, &[commit]);
        assert!(matches!(error, StoreError::Failed(_)), "{key:?}: {error}");
    }
}

fn children_first(open: Open<'_>) {
    let (mut store, fence) = leased(open);
    let commits: Vec<Commit> = samples()
        .into_iter()
        .rev()
        .map(|row| put(vec![row]))
        .collect();
    store.save(fence, &commits).unwrap();
    assert_eq!(store.load().unwrap().rows.len(), samples().len());
}

fn usable_after_refusal(open: Open<'_>) {
    let (mut store, fence) = leased(open);
    refused(&mut *store, fence, &[put(samples()), told([7])]);
    refused(&mut *store, Fence(99), &[put(samples())]);
    refused(
        &mut *store,
        fence,
        &[put(samples().into_iter().skip(2).collect())],
    );
    store.save(fence, &[put(samples()), told([1])]).unwrap();
    let again = store.take_lease("the same").unwrap();
    store.save(again, &[told([2])]).unwrap();
}

fn reader_follows(open: Open<'_>) {
    let (mut store, fence) = leased(open);
    let mut log = store.events().unwrap();
    for seq in 1..=3 {
        assert_eq!(log.after(seq - 1, 10).unwrap(), []);
        store.save(fence, &[told([seq])]).unwrap();
        assert_eq!(log.after(seq - 1, 10).unwrap(), [event(seq)]);
    }
    let mut other = open();
    assert_eq!(other.events().unwrap().after(0, 10).unwrap().len(), 3);
    drop(store);
    assert_eq!(log.after(0, 10).unwrap().len(), 3);
    assert_eq!(other.load().unwrap().last_seq, 3);
}

fn nothing_to_save(open: Open<'_>) {
    let (mut store, fence) = leased(open);
    store.save(fence, &[]).unwrap();
    store.save(fence, &[Commit::default()]).unwrap();
    assert_eq!(store.load().unwrap(), Loaded::default());
}
