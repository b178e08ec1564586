//! Rows of every kind, in every variant, with every optional column once empty and once full, that
//! name each other rightly.

use std::sync::Arc;

use cw_core::domain::duration::Seconds;
use cw_core::domain::effect::{Effect, EffectKind, LandMode};
use cw_core::domain::graph::{Needs, Node};
use cw_core::domain::held::PassedEnv;
use cw_core::domain::hierarchy::{
    Initiative, InitiativeStatus, Phase, Plan, Project, Task, TaskSpec, TaskState,
};
use cw_core::domain::ids::{AgentId, TaskId, Uid};
use cw_core::domain::money::{Usd, add_tokens};
use cw_core::domain::oid::Oid;
use cw_core::domain::plan::{Priority, Review, TaskKind};
use cw_core::domain::state::{Key, Row};
use cw_core::domain::time::Timestamp;
use cw_core::domain::work::{
    Agent, GateReport, Merge, MergeState, Message, MessageKind, MessageStatus, Party, Quandary,
    Request, StopReason, Turn, TurnKind, TurnState, Verdict,
};

const WHEN: Timestamp = Timestamp(1_763_949_600_123);

/// The samples, in the order of their keys.
#[must_use]
pub fn samples() -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(projects().map(Row::Project));
    rows.extend(initiatives().map(Row::Initiative));
    rows.extend(phases().map(Row::Phase));
    rows.extend(plans().map(Row::Plan));
    rows.extend(tasks().map(Row::Task));
    rows.extend(needs().map(Row::Needs));
    rows.extend(agents().map(Row::Agent));
    rows.extend(turns().map(Row::Turn));
    rows.extend(messages().map(Row::Message));
    rows.extend(merges().map(Row::Merge));
    rows.extend(effects().map(Row::Effect));
    rows
}

/// `row` in the place of `key`; `None` when that is another kind of row.
pub(super) fn with_key(row: Row, key: Key) -> Option<Row> {
    macro_rules! placed {
        ($($kind:ident),+) => {
            match (row, key) {
                $((Row::$kind(mut row), Key::$kind(id)) => {
                    row.id = id;
                    Some(Row::$kind(row))
                })+
                _ => None,
            }
        };
    }
    placed!(
        Project, Initiative, Phase, Plan, Task, Needs, Agent, Turn, Message, Merge, Effect
    )
}

fn oid(digit: char) -> Oid {
    Oid::new(digit.to_string().repeat(40)).expect("40 hex digits")
}

fn some<T>(n: u64, value: T) -> Option<T> {
    n.is_multiple_of(2).then_some(value)
}

fn projects() -> impl Iterator<Item = Project> {
    (1..=2).map(|n| Project {
        id: n.into(),
        uid: Uid(format!("{n:032x}")),
        name: format!("shop {n} 🦀"),
        root: format!("/src/it's \"shop\" {n}"),
        base: "main".into(),
        trusted: some(n, Arc::from("base = \"main\"\n# é\n")),
        bypass: n == 1,
        held: n == 2,
        lifts: n == 2,
        created_at: Timestamp(WHEN.0 - 7),
    })
}

fn initiatives() -> impl Iterator<Item = Initiative> {
    use InitiativeStatus::{Active, Cancelled, Draft, Finished, Landed, Paused};
    (1..)
        .zip([Draft, Active, Paused, Finished, Landed, Cancelled])
        .map(|(n, status)| Initiative {
            id: n.into(),
            uid: Uid(format!("{:032x}", n + 100)),
            project: (n % 2 + 1).into(),
            slug: format!("accounts-{n}"),
            title: format!("Accounts {n}"),
            text: format!("Users\ncan sign in.\n\t{n}"),
            base: format!("base-{n}"),
            max_agents: some(n, 3),
            run_agents: some(n + 1, 5),
            agent: some(n, "claude".into()),
            budget: some(n, Usd(20_000_001)),
            budget_raised: some(n + 1, Usd(40_000_001)),
            passed: passed(n),
            status,
            adhoc: n == 2,
            cut: n > 3,
            tip: some(n, oid('a')),
            lane_held: some(n, "the branch moved".into()),
            open: u32::try_from(n).expect("small"),
            created_at: WHEN,
            started_at: some(n, Timestamp(WHEN.0 + 1)),
            ended_at: some(n, Timestamp(WHEN.0 + 2)),
        })
}

fn passed(n: u64) -> PassedEnv {
    PassedEnv {
        given: after(n).unwrap_or_default(),
        lost: after(n + 1).unwrap_or_default(),
    }
}

/// No list, an empty one, and one with words.
fn after(n: u64) -> Option<Vec<String>> {
    match n % 3 {
        0 => None,
        1 => Some(Vec::new()),
        _ => Some(vec!["users-table".into(), "a \"quoted\", one".into()]),
    }
}

fn phases() -> impl Iterator<Item = Phase> {
    (1..=3).map(|n| Phase {
        id: n.into(),
        initiative: (n % 2 + 1).into(),
        slug: format!("storage-{n}"),
        title: format!("Storage {n}"),
        text: format!("Text {n}"),
        after: after(n),
        position: u32::MAX - u32::try_from(n).expect("small"),
        open: u32::try_from(n).expect("small"),
    })
}

fn plans() -> impl Iterator<Item = Plan> {
    (1..=3).map(|n| Plan {
        id: n.into(),
        initiative: (n % 2 + 1).into(),
        phase: (n % 2 + 1).into(),
        slug: format!("tables-{n}"),
        title: format!("Tables {n}"),
        text: format!("Text {n}"),
        after: after(n),
        position: u32::try_from(n * 2).expect("small"),
        open: u32::try_from(n * 3).expect("small"),
    })
}

fn tasks() -> impl Iterator<Item = Task> {
    let states = [
        TaskState::Todo { not_before: None },
        TaskState::Todo {
            not_before: Some(Timestamp(-1)),
        },
        TaskState::Working,
        TaskState::Parked { resume_at: None },
        TaskState::Parked {
            resume_at: Some(WHEN),
        },
        TaskState::Review,
        TaskState::Merging,
        TaskState::Merged { commit: oid('b') },
        TaskState::Failed,
        TaskState::Cancelled,
        TaskState::Skipped,
    ];
    (1..).zip(states).map(|(n, state)| task(n, state))
}

fn task(n: u64, state: TaskState) -> Task {
    let small = u32::try_from(n).expect("small");
    Task {
        id: n.into(),
        initiative: (n % 2 + 1).into(),
        phase: (n % 3 + 1).into(),
        plan: (n % 3 + 1).into(),
        position: small + 10,
        spec: Arc::new(spec(n)),
        state,
        blockers: small + 20,
        failures: small + 30,
        attempts: small + 40,
        bounces: small + 50,
        agent: some(n, AgentId(n % 2 + 1)),
        passed: passed(n),
        approved: n.is_multiple_of(2),
        summary: some(n, "done\nwell".into()),
        error: some(n + 1, "it failed".into()),
        unchanged: n.is_multiple_of(3),
        budget_raised: some(n, Usd(7)),
        started_at: some(n, WHEN),
        ended_at: some(n + 1, WHEN),
    }
}

fn spec(n: u64) -> TaskSpec {
    TaskSpec {
        slug: format!("users-table-{n}"),
        title: format!("Users table {n}"),
        text: format!("Create it.\r\n\n{}", "x".repeat(5_000)),
        after: after(n),
        kind: [TaskKind::Work, TaskKind::Approval][usize::from(n == 3)],
        agent: some(n, "mine".into()),
        model: some(n + 1, "large".into()),
        priority: [Priority::High, Priority::Normal, Priority::Low][(n % 3) as usize],
        touches: after(n).unwrap_or_default(),
        verify: after(n + 1).unwrap_or_default(),
        review: [Review::None, Review::Human][(n % 2) as usize],
        budget: some(n, Usd(1)),
        timeout: some(n, Seconds(1_800)),
        attempts: some(n + 1, 7),
    }
}

fn needs() -> impl Iterator<Item = Needs> {
    [
        (1, vec![]),
        (2, vec![Node::Task(TaskId(1))]),
        (
            5,
            vec![
                Node::Plan(2.into()),
                Node::Task(TaskId(4)),
                Node::Phase(1.into()),
                Node::Task(TaskId(3)),
            ],
        ),
    ]
    .into_iter()
    .map(|(id, nodes)| Needs {
        id: TaskId(id),
        nodes,
    })
}

fn agents() -> impl Iterator<Item = Agent> {
    (1..=3).map(|n| Agent {
        id: n.into(),
        project: (n % 2 + 1).into(),
        initiative: (n % 2 + 2).into(),
        task: n.into(),
        name: format!("gastown-{n}"),
        config: format!("claude-{n}"),
        kind: "script".into(),
        session: some(n, "5f3c".into()),
        begun: n.is_multiple_of(2),
        worktree: format!("shop/gastown-{n}"),
        housed: n == 3,
        base: some(n, oid('c')),
        head: some(n + 1, Oid::new("d".repeat(64)).expect("64 hex digits")),
        token: format!("secret-{n}"),
        stopped: n == 1,
        stalls: u32::try_from(n).expect("small"),
        activity: format!("reading {n}"),
        turns: 4,
        cost: Usd(123_456 + n),
        tokens: 1 << 40,
        started_at: WHEN,
        last_output_at: some(n, Timestamp(WHEN.0 + 5)),
    })
}

fn turns() -> impl Iterator<Item = Turn> {
    use TurnKind::{Answer, Bounce, Message, Retry, Start};
    let verdicts = [
        Verdict::Done,
        Verdict::Asked,
        Verdict::Failed {
            why: "no such model".into(),
            fatal: true,
        },
        Verdict::Failed {
            why: String::new(),
            fatal: false,
        },
        Verdict::Limit { until: None },
        Verdict::Auth {
            why: "not logged in".into(),
        },
        Verdict::Limit { until: Some(WHEN) },
        Verdict::SessionUnknown,
        Verdict::Stopped,
        Verdict::Crashed,
    ];
    let states = [
        TurnState::Queued,
        TurnState::Preparing,
        TurnState::Starting,
        TurnState::Running,
    ]
    .into_iter()
    .chain(verdicts.into_iter().flat_map(|verdict| {
        [
            TurnState::Collecting {
                verdict: verdict.clone(),
            },
            TurnState::Ended { verdict },
        ]
    }));
    let stops = [
        None,
        Some(StopReason::User),
        Some(StopReason::Dropped),
        Some(StopReason::Timeout),
        Some(StopReason::Stalled),
        Some(StopReason::Unanswered),
        Some(StopReason::Budget),
    ];
    (1..).zip(states).map(move |(n, state)| Turn {
        id: n.into(),
        agent: (n % 3 + 1).into(),
        task: (n % 5 + 1).into(),
        kind: [Start, Answer, Message, Bounce, Retry][(n % 5) as usize],
        number: u32::try_from(n).expect("small"),
        state,
        prompt: format!("Create it.\n{n}"),
        merge: some(n, 1.into()),
        resumes: n.is_multiple_of(2),
        listens: n.is_multiple_of(3),
        worked: n.is_multiple_of(2),
        stop: stops[(n % 5) as usize],
        pid: some(n + 1, 4_194_304),
        read_out: i64::MAX.unsigned_abs() - n,
        read_err: n,
        cost: Usd(Usd::MOST.0 - n),
        tokens: add_tokens(0, u64::MAX) - n,
        queued_at: WHEN,
        started_at: some(n, WHEN),
        ended_at: some(n + 1, WHEN),
    })
}

fn messages() -> impl Iterator<Item = Message> {
    use MessageKind::{Answer, Error, Note, Permission, Question};
    use MessageStatus::{Answered, Open, Read};
    let parties = [Party::User, Party::Agent(AgentId(2)), Party::Cw];
    (1..=6).map(move |n| Message {
        id: n.into(),
        project: (n % 2 + 1).into(),
        task: some(n, n.into()),
        initiative: some(n + 1, (n % 2 + 1).into()),
        kind: [Question, Permission, Note, Answer, Error][(n % 5) as usize],
        from: parties[(n % 3) as usize].clone(),
        to: parties[((n + 1) % 3) as usize].clone(),
        body: format!("Which hash?\n{n}"),
        options: after(n).unwrap_or_default(),
        status: [Open, Answered, Read][(n % 3) as usize],
        answer: some(n, "argon2".into()),
        delivered: [None, Some(0.into()), Some(3.into())][(n % 3) as usize],
        passed: some(n + 1, 2.into()),
        key: some(n, format!("call-{n}")),
        revoked: n.is_multiple_of(3),
        about: [
            None,
            Some(Quandary::Bounces),
            Some(Quandary::Login),
            Some(Quandary::Values),
            Some(Quandary::Budget),
        ][(n % 5) as usize],
        holds: some(n, "claude".into()),
        request: some(
            n,
            Request {
                turn: 3.into(),
                reply: n * 100,
                name: format!("req-{n}"),
                tool: "Bash".into(),
                digest: format!("{n:064x}"),
                parts: 1,
            },
        ),
        created_at: WHEN,
        answered_at: some(n, WHEN),
    })
}

fn merges() -> impl Iterator<Item = Merge> {
    let states = [
        MergeState::Queued,
        MergeState::Trying,
        MergeState::Gating,
        MergeState::Moving,
        MergeState::Merged,
        MergeState::Conflict,
        MergeState::GateFailed,
        MergeState::Rejected,
        MergeState::Dropped,
    ];
    let gates = [
        None,
        Some((true, Some(0))),
        Some((false, Some(-1))),
        Some((false, None)),
    ];
    (1..).zip(states).map(move |(n, state)| Merge {
        id: n.into(),
        initiative: (n % 2 + 1).into(),
        task: (n % 4 + 1).into(),
        agent: (n % 3 + 1).into(),
        attempt: u32::try_from(n).expect("small"),
        state,
        head: oid('e'),
        base: some(n, oid('f')),
        result: some(n + 1, oid('0')),
        conflicts: after(n).unwrap_or_default(),
        gate: gates[(n % 4) as usize].map(|(passed, code)| GateReport {
            command: "cargo test".into(),
            passed,
            code,
            output: format!("line {n}\n"),
        }),
        queued_at: WHEN,
        ended_at: some(n, WHEN),
    })
}

fn effects() -> impl Iterator<Item = Effect> {
    let kinds = [
        EffectKind::CutBranch(1.into()),
        EffectKind::SyncAdhoc(2.into()),
        EffectKind::Prepare(3.into()),
        EffectKind::StartTurn(4.into()),
        EffectKind::StopTurn(5.into()),
        EffectKind::Collect(6.into()),
        EffectKind::Trial(7.into()),
        EffectKind::Gate(8.into()),
        EffectKind::Advance(9.into()),
        EffectKind::Release(10.into()),
        EffectKind::Land(11.into(), LandMode::FastForward),
        EffectKind::Land(12.into(), LandMode::MergeCommit),
        EffectKind::Reply(13.into()),
        EffectKind::Pass(14.into()),
    ];
    (1..).zip(kinds).map(|(n, kind)| Effect {
        id: n.into(),
        kind,
        tries: u32::try_from(n % 3).expect("small"),
        not_before: some(n, WHEN),
    })
}
