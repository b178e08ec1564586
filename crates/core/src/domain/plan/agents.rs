//! Whether the agents that a plan names can work, told with the lines of its source. Refuses to
//! know how settings are read.

use super::document::{Line, PlanDocument, TaskKind};
use super::error::{Errors, PlanError};
use crate::domain::config::Config;

/// Every task whose agent is unknown, or has no command and needs one; `name` is what errors call
/// the plan.
#[must_use]
pub fn agent_errors(document: &PlanDocument, config: &Config, name: &str) -> Vec<PlanError> {
    let mut errors = Errors::new(name);
    let plans = document.phases.iter().flat_map(|phase| &phase.plans);
    // A person's approval has no agent, whatever its heading says.
    let work = plans
        .flat_map(|plan| &plan.tasks)
        .filter(|task| task.kind == TaskKind::Work);
    for task in work {
        let fault = task
            .agent
            .as_deref()
            .and_then(|agent| config.agent_fault(agent));
        let Some(fault) = fault else { continue };
        let cause = match task.line {
            Line(0) => format!("the task `{}` wants it", task.id),
            Line(line) => format!("the task `{}` (line {line}) wants it", task.id),
        };
        errors
            .add(task.agent_line, fault.what)
            .cause(cause)
            .hint(fault.hint);
    }
    errors.join(Errors::new(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::read;

    #[test]
    fn all_agents_that_cannot_work_are_told_with_their_lines() {
        let text = "# I\n#### A\n- priority: high\n- agent: nobody\n#### B\n- agent: claude\n\
                    #### C\n- agent: script\n#### D\n- kind: approval\n- agent: nobody\n";
        let errors = agent_errors(&read(text, "p.md").unwrap(), &Config::default(), "p.md");
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[0], "p.md:4: there is no agent 'nobody'");
        assert!(told[1].starts_with("p.md:8: the agent 'script' has no command"));
        assert_eq!(
            errors[0].cause.as_deref(),
            Some("the task `a` (line 2) wants it")
        );
        let hint = errors[1].hint.as_deref().unwrap();
        assert_eq!(hint, "write [agents.script] with a `command` in cw.toml");
    }
}
