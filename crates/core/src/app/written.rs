//! Stored work as the plan that would make it: what `apply` reads back without a change. It knows
//! what was written, not what has become of it.

use std::collections::BTreeMap;

use crate::domain::hierarchy::{Initiative, Phase, Plan};
use crate::domain::ids::{InitiativeId, PhaseId, PlanId};
use crate::domain::plan::{
    Initiative as InitiativeDocument, Phase as PhaseDocument, Plan as PlanPart, PlanDocument, Task,
};
use crate::domain::state::State;

/// The plan that an initiative was made of, with every id; `None` when there is no such initiative.
#[must_use]
pub fn written(state: &State, id: InitiativeId) -> Option<PlanDocument> {
    let row = state.get::<Initiative>(id)?;
    let mut tasks: BTreeMap<PlanId, Vec<Task>> = BTreeMap::new();
    for task in state.tasks_of(id) {
        let document = Task::from(&*task.spec);
        tasks.entry(task.plan).or_default().push(document);
    }
    let mut lines: Vec<&Plan> = state
        .all::<Plan>()
        .filter(|plan| plan.initiative == id)
        .collect();
    lines.sort_by_key(|plan| (plan.position, plan.id));
    let mut plans: BTreeMap<PhaseId, Vec<PlanPart>> = BTreeMap::new();
    for line in lines {
        plans.entry(line.phase).or_default().push(PlanPart {
            id: line.slug.clone(),
            title: line.title.clone(),
            text: line.text.clone(),
            after: line.after.clone(),
            tasks: tasks.remove(&line.id).unwrap_or_default(),
            ..PlanPart::default()
        });
    }
    let mut phases: Vec<&Phase> = state
        .all::<Phase>()
        .filter(|phase| phase.initiative == id)
        .collect();
    phases.sort_by_key(|phase| (phase.position, phase.id));
    let phases = phases.into_iter().map(|phase| PhaseDocument {
        id: phase.slug.clone(),
        title: phase.title.clone(),
        text: phase.text.clone(),
        after: phase.after.clone(),
        plans: plans.remove(&phase.id).unwrap_or_default(),
        ..PhaseDocument::default()
    });
    Some(PlanDocument {
        phases: phases.collect(),
        initiative: InitiativeDocument {
            id: row.slug.clone(),
            title: row.title.clone(),
            text: row.text.clone(),
            base: Some(row.base.clone()),
            agents: row.max_agents,
            budget: row.budget,
            ..InitiativeDocument::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::scene::Counted;
    use super::super::{Applied, Command, Refusal, Reply, Signal, decide};
    use super::*;
    use crate::domain::ids::ProjectId;
    use crate::domain::plan::tests::round_trip::plans;
    use crate::domain::plan::{TaskKind, export, read};
    use crate::domain::time::Timestamp;
    use crate::domain::txn::Commit;

    fn registered() -> (State, ProjectId) {
        let mut state = State::default();
        let command = Command::Register {
            root: "/repo".into(),
            name: "repo".into(),
            base: "main".into(),
        };
        let signal = Signal::Command(command);
        let decided = decide(&mut state, signal, Timestamp(1), &mut Counted(0)).unwrap();
        let Reply::Project(id) = decided.0 else {
            panic!("a project");
        };
        (state, id)
    }

    fn apply(
        state: &mut State,
        project: ProjectId,
        plan: &PlanDocument,
        dry_run: bool,
    ) -> Result<(Applied, Commit), Refusal> {
        let command = Command::Apply {
            project,
            plan: Box::new(plan.clone()),
            agent: None,
            max_agents: None,
            dry_run,
            start: None,
        };
        let signal = Signal::Command(command);
        let (reply, commit) = decide(state, signal, Timestamp(2), &mut Counted(9))?;
        match reply {
            Reply::Applied(applied) => Ok((applied, commit)),
            other => panic!("{other:?}"),
        }
    }

    /// A plan whose agents are known, with what storing it fills in.
    fn storable() -> impl Strategy<Value = PlanDocument> {
        plans().prop_map(|mut plan| {
            plan.initiative.base.get_or_insert_with(|| "main".into());
            let lines = plan.phases.iter_mut().flat_map(|phase| &mut phase.plans);
            for task in lines.flat_map(|line| &mut line.tasks) {
                let works = task.kind == TaskKind::Work;
                task.agent = task.agent.take().filter(|_| works).map(|_| "codex".into());
            }
            plan
        })
    }

    fn ids(plan: &PlanDocument) -> Vec<String> {
        let lines = plan.phases.iter().flat_map(|phase| &phase.plans);
        let tasks = lines.flat_map(|line| &line.tasks);
        tasks.map(|task| task.id.clone()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_stored_is_written_as_it_was_read_and_read_back_without_a_change(plan in storable()) {
            let (mut state, project) = registered();
            let (applied, _) = apply(&mut state, project, &plan, false).unwrap();
            let document = written(&state, applied.initiative.unwrap()).unwrap();
            prop_assert_eq!(&document, &plan);
            let again = read(&export(&document), "plan.md").unwrap();
            let (second, commit) = apply(&mut state, project, &again, false).unwrap();
            prop_assert_eq!(second.unchanged, ids(&plan));
            prop_assert!(second.added.is_empty() && second.updated.is_empty() && second.gone.is_empty());
            prop_assert!(commit.is_empty(), "{:?}", commit);
        }

        #[test]
        fn a_dry_run_tells_what_the_real_one_does_and_changes_nothing(plan in storable(), more in storable()) {
            let (mut state, project) = registered();
            for plan in [&plan, &more] {
                let before = state.clone();
                let dry = apply(&mut state, project, plan, true);
                prop_assert_eq!(&state, &before);
                let real = apply(&mut state, project, plan, false);
                match (dry, real) {
                    (Ok((dry, commit)), Ok((real, _))) => {
                        prop_assert!(commit.is_empty());
                        prop_assert_eq!(Applied { initiative: real.initiative, ..dry }, real);
                    }
                    (dry, real) => prop_assert_eq!(dry.map(|_| ()), real.map(|_| ())),
                }
            }
        }
    }

    #[test]
    fn a_dry_run_is_refused_where_the_real_one_would_be() {
        let (mut state, project) = registered();
        let plan = read("# Adhoc\n- id: adhoc\n#### A\n", "plan.md").unwrap();
        let refused = apply(&mut state, project, &plan, true).unwrap_err();
        assert_eq!(
            refused,
            apply(&mut state, project, &plan, false).unwrap_err()
        );
    }
}
