use std::time::Duration;

use cw_core::domain::money::Usd;

use super::*;

fn read(text: &str) -> Config {
    parse(text).unwrap().0
}

/// The whole of an error in one line.
fn refused(text: &str) -> String {
    let error = parse(text).unwrap_err();
    let more = [error.cause, error.hint].into_iter().flatten();
    std::iter::once(error.what)
        .chain(more)
        .collect::<Vec<_>>()
        .join(" | ")
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

const FULL: &str = r#"
base = "trunk"

[agents]
max = 7
default = "mine"
[agents.claude]
kind = "claude"
command = "claude"
model = "large"
permissions = "accept-edits"
allow = ["Bash(cargo *)"]
env = { LOG_LEVEL = "info", EMPTY = "" }
pass_env = ["ANTHROPIC_API_KEY"]
[agents.mine]
kind = "script"
command = ["./tools/agent.sh", "", "two words"]

[worktree]
copy = [".env*"]
setup = ["npm ci"]
pool = 5
max_disk = "10GB"
sparse = ["src"]

[gates]
commands = ["cargo test", "cargo fmt --check"]
timeout = "20m"

[limits]
budget_usd = 20.5
turn_timeout = "50m"
stall = "11m"
attempts = 4
bounces = 0
keep_logs = "31d"

[files]
dir = "work/cw/"
settle = "2s"
"#;

#[test]
fn every_key_is_read() {
    let config = read(FULL);
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let expected = Config {
        base: Some("trunk".into()),
        max_agents: 7,
        default_agent: "mine".into(),
        agents: [
            (
                "claude".to_owned(),
                AgentConfig {
                    kind: "claude".into(),
                    command: texts(&["claude"]),
                    model: Some("large".into()),
                    permissions: Some("accept-edits".into()),
                    allow: texts(&["Bash(cargo *)"]),
                    repo_settings: false,
                    env: [("LOG_LEVEL", "info"), ("EMPTY", "")]
                        .map(|(name, value)| (name.to_owned(), value.to_owned()))
                        .into(),
                    pass_env: texts(&["ANTHROPIC_API_KEY"]),
                },
            ),
            (
                "mine".to_owned(),
                AgentConfig {
                    kind: "script".into(),
                    command: texts(&["./tools/agent.sh", "", "two words"]),
                    ..AgentConfig::default()
                },
            ),
        ]
        .into(),
        copy: texts(&[".env*"]),
        setup: texts(&["npm ci"]),
        pool: 5,
        gates: texts(&["cargo test", "cargo fmt --check"]),
        gate_timeout: minutes(20),
        budget: Some(Usd(20_500_000)),
        turn_timeout: minutes(50),
        stall: minutes(11),
        attempts: 4,
        bounces: 0,
        keep_logs: minutes(31 * 24 * 60),
        files_dir: "work/cw".into(),
    };
    assert_eq!(config, expected);
}

#[test]
fn nothing_at_all_means_the_defaults() {
    assert_eq!(parse("").unwrap(), (Config::default(), Vec::new()));
    assert_eq!(read("[agents]\n[gates]\n[limits]\n"), Config::default());
}

#[test]
fn what_is_not_acted_on_yet_is_a_warning_with_its_line() {
    let (_, warnings) = parse(FULL).unwrap();
    let keys: Vec<&str> = warnings
        .iter()
        .filter_map(|w| w.split('`').nth(1))
        .collect();
    assert_eq!(
        keys,
        [
            "worktree.pool",
            "worktree.max_disk",
            "worktree.sparse",
            "limits.keep_logs",
            "files.dir",
            "files.settle"
        ]
    );
    assert!(
        warnings[0].starts_with("cw.toml, line 22, column 8,"),
        "{}",
        warnings[0]
    );
    let text = "[agents.claude]\npermissions = \"bypass\"";
    let (config, warnings) = parse(text).unwrap();
    assert_eq!(
        config.agents["claude"].permissions.as_deref(),
        Some("bypass")
    );
    assert_eq!(warnings, [""; 0]);
    assert!(!config.agents["claude"].repo_settings);
    let config = read("[agents.claude]\nrepo_settings = true");
    assert!(config.agents["claude"].repo_settings);
}

#[test]
fn the_kind_of_an_agent_is_its_name_unless_it_says_otherwise() {
    let config = read("[agents.codex]\nmodel = \"x\"\n[agents.fast]\nkind = \"claude\"");
    assert_eq!(config.agents["codex"].kind, "codex");
    assert_eq!(config.agents["fast"].kind, "claude");
    assert_eq!(config.agents["fast"].command, [""; 0]);
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest() {
    for (text, said) in [
        (
            "agens = 1",
            "cw.toml, line 1, column 1, unknown key `agens` | did you mean `agents`?",
        ),
        (
            "[gates]\n\n  command = []",
            "line 3, column 3, unknown key `gates.command` | did you mean `commands`?",
        ),
        (
            "[agents]\nmaxx = 1",
            "unknown key `agents.maxx` | did you mean `max`?",
        ),
        (
            "[agents.claude]\npass-env = []",
            "`agents.claude.pass-env` | did you mean `pass_env`?",
        ),
        (
            "stall = \"1m\"",
            "unknown key `stall` | `stall` belongs under [limits]",
        ),
        ("[files]\nzzzzzzzz = 1", "known here: dir, settle"),
        ("é = 1", "cw.toml, line 1, column 1, is not TOML"),
        ("\"a\\u001b[31mb\" = 1", "unknown key `a[31mb`"),
    ] {
        let error = refused(text);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn the_first_of_several_unknown_keys_is_told() {
    assert!(refused("zz = 1\naa = 2").contains("`zz`"));
}

/// A text and what is said of it.
const IMPOSSIBLE: &[(&str, &str)] = &[
    (
        "base = 3",
        "line 1, column 8, `base` cannot be taken | a text is wanted, not a whole number",
    ),
    ("base = \"\"", "it is empty"),
    ("base = \"a b\"", "name of a branch"),
    ("base = \"-f\"", "name of a branch"),
    ("agents = 1", "a table is wanted, not a whole number"),
    (
        "agents.max = 0",
        "`agents.max` cannot be taken | it is a whole number from 1 to 1000",
    ),
    ("agents.max = 1001", "from 1 to 1000"),
    ("agents.max = -1", "from 1 to 1000"),
    ("agents.max = 99999999999999999999", "from 1 to 1000"),
    ("agents.max = \"4\"", "a whole number is wanted, not a text"),
    (
        "agents.default = \"clude\"",
        "there is no such agent: `clude` | did you mean `claude`?",
    ),
    (
        "agents.default = \"script\"",
        "write [agents.script] with a `command`",
    ),
    (
        "[agents.mine]",
        "`kind` is missing, and `mine` is no kind itself",
    ),
    (
        "[agents.mine]\nkind = \"cluade\"",
        "`agents.mine.kind` cannot be taken | there is no such kind: `cluade` | did you mean `claude`?",
    ),
    (
        "[agents.script]",
        "the kind `script` has no program of its own",
    ),
    (
        "[agents.script]\ncommand = []",
        "a command names a program first",
    ),
    (
        "[agents.script]\ncommand = [\"\"]",
        "a command names a program first",
    ),
    (
        "[agents.script]\ncommand = [1]",
        "`agents.script.command[0]` cannot be taken | a text is wanted",
    ),
    (
        "[agents.script]\ncommand = \"a\\u0000b\"",
        "no byte of value 0",
    ),
    (
        "[agents.\"a/b\"]\nkind = \"claude\"",
        "an agent's name has letters",
    ),
    (
        "[agents.claude]\npermissions = \"all\"",
        "no such permissions: `all` | known: ask, accept-edits, bypass",
    ),
    (
        "[agents.claude]\nenv = { \"A=B\" = \"x\" }",
        "name of a variable",
    ),
    (
        "[agents.claude]\nenv = { A = 1 }",
        "`agents.claude.env.A` cannot be taken | a text is wanted",
    ),
    (
        "[agents.claude]\npass_env = [\"A=B\"]",
        "name of a variable",
    ),
    ("gates.timeout = \"15\"", "a time is written like `45s`"),
    (
        "gates.timeout = 15",
        "a time such as \"15m\" is wanted, not a whole number",
    ),
    ("gates.timeout = \"0s\"", "longer than no time"),
    (
        "gates.commands = \"cargo test\"",
        "a list of texts is wanted, not a text",
    ),
    (
        "gates.commands = [\" \"]",
        "`gates.commands[0]` cannot be taken | it is empty",
    ),
    ("limits.budget_usd = -1", "a number of dollars, 0 or more"),
    ("limits.budget_usd = -0.5", "a number of dollars, 0 or more"),
    ("limits.budget_usd = nan", "a number of dollars, 0 or more"),
    ("limits.budget_usd = inf", "a number of dollars, 0 or more"),
    (
        "limits.budget_usd = \"$20\"",
        "a number of dollars such as 20.0 is wanted",
    ),
    ("limits.attempts = 0", "from 1 to 1000"),
    ("files.dir = \"../x\"", "without `..`"),
    ("files.dir = \"/x\"", "below the repository's root"),
    ("files.dir = \".git/x\"", "not git's own"),
    ("files.dir = \".\"", "below the repository's root"),
];

#[test]
fn values_that_cannot_be_are_refused_with_key_and_reason() {
    for (text, said) in IMPOSSIBLE {
        let error = refused(text);
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn a_text_that_is_no_toml_is_refused_with_its_place() {
    for (text, place) in [
        ("base = ", "line 1, column 8,"),
        ("a = 1\nb = [\n", "line 2, column"),
        ("base = \"a\"\nbase = \"b\"", "line 2, column 1,"),
    ] {
        let error = refused(text);
        assert!(
            error.contains(place) && error.contains("is not TOML"),
            "{error}"
        );
    }
}

#[test]
fn what_is_missing_is_told_with_what_to_write() {
    for (text, help) in [
        ("base = ", "`key = value`"),
        (
            "[agents.mine]",
            "[agents.mine], such as `kind = \"claude\"`",
        ),
        ("[agents.codx]", "`kind = \"codex\"`"),
        (
            "[agents.x]\nkind = \"acp\"",
            "`command = [\"./agent.sh\"]` under [agents.x]",
        ),
    ] {
        let hint = parse(text).unwrap_err().hint.unwrap_or_default();
        assert!(hint.contains(help), "{text}: {hint}");
    }
    assert!(parse(&"#".repeat(MOST + 1)).unwrap_err().hint.is_some());
}

#[test]
fn what_is_too_much_is_refused() {
    assert!(refused(&"#".repeat(MOST + 1)).contains("too large"));
    assert!(parse(&"#".repeat(MOST)).is_ok());
    assert!(refused(&format!("base = \"{}\"", "x".repeat(20_000))).contains("at most 16384 bytes"));
    let many = vec!["\"x\""; 1_001].join(",");
    assert!(refused(&format!("gates.commands = [{many}]")).contains("at most 1000 entries"));
    let deep = format!("base = {}{}", "[".repeat(50_000), "]".repeat(50_000));
    assert!(refused(&deep).contains("cw.toml"));
}

#[test]
fn whole_dollars_are_money_too() {
    assert_eq!(read("limits.budget_usd = 20").budget, Some(Usd(20_000_000)));
    assert_eq!(
        read("limits.budget_usd = 1_000.25").budget,
        Some(Usd(1_000_250_000))
    );
    assert_eq!(read("limits.budget_usd = 0").budget, Some(Usd(0)));
}

#[test]
fn the_template_says_the_defaults_without_a_warning() {
    let (config, warnings) = parse(TEMPLATE).unwrap();
    assert_eq!(
        config,
        Config {
            base: Some("main".into()),
            ..Config::default()
        }
    );
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn the_template_takes_any_branch() {
    for base in ["trunk", "feature/\"odd\"", "é'"] {
        assert_eq!(read(&template(base)).base.as_deref(), Some(base));
    }
}

#[test]
fn every_key_stands_in_the_template_and_may_be_uncommented() {
    let opened: String = TEMPLATE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = read(&opened);
    assert_eq!(config.agents.len(), 2);
    let extra = ["max_disk", "sparse", "settle"];
    for (section, keys) in keys::SECTIONS {
        for key in keys.iter().filter(|key| !extra.contains(key)) {
            assert!(opened.contains(&format!("\n{key} = ")), "{section} {key}");
        }
    }
    let plain = Config::default();
    assert_eq!(
        (
            config.max_agents,
            config.gate_timeout,
            config.turn_timeout,
            config.stall
        ),
        (
            plain.max_agents,
            plain.gate_timeout,
            plain.turn_timeout,
            plain.stall
        )
    );
    assert_eq!(
        (
            config.attempts,
            config.bounces,
            config.keep_logs,
            config.files_dir,
            config.default_agent
        ),
        (
            plain.attempts,
            plain.bounces,
            plain.keep_logs,
            plain.files_dir,
            plain.default_agent
        )
    );
}

#[test]
fn a_digest_tells_texts_apart() {
    assert_eq!(digest("a"), digest("a"));
    assert_ne!(digest("a"), digest("b"));
    assert_eq!(digest("").len(), 16);
}
