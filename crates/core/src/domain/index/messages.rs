//! Messages by what decisions ask of them: what is open, what is on its way, what was said before.

use super::super::work::{Message, MessageKind, MessageStatus, Party, Quandary};
use super::{AgentId, Index, MessageId, ProjectId, Purse, TaskId, TurnId, mark};

impl Index {
    pub(super) fn enter_message(&mut self, message: &Message, on: bool) {
        // Whoever waits for money asks nothing of the user by itself.
        let of_agent = message.task.filter(|_| Purse::asked_of(message).is_none());
        if let Some(task) = of_agent
            && is_owed_by_user(message)
        {
            mark(&mut self.questions, task, message.id, on);
        }
        if let Some(purse) = Purse::asked_of(message).filter(|_| is_owed_by_user(message)) {
            if on {
                self.budget_questions.insert(purse, message.id);
            } else {
                self.budget_questions.remove(&purse);
            }
        }
        if let Some(agent) = undelivered_to(message) {
            mark(&mut self.mail, agent, message.id, on);
        }
        if let Some(table) = &message.holds
            && is_owed_by_user(message)
        {
            let key = (message.project, table.clone());
            mark(&mut self.holds, key, message.id, on);
        }
        if message.about == Some(Quandary::Values) && is_owed_by_user(message) {
            mark(&mut self.values_asked, message.project, message.id, on);
        }
        self.enter_known(message, on);
    }

    /// What was asked, said and allowed before, and what reached its agent.
    fn enter_known(&mut self, message: &Message, on: bool) {
        let id = message.id;
        if let Some(request) = &message.request {
            mark(&mut self.requests, (request.turn, request.reply), id, on);
            if message.lasts() {
                let key = (message.project, request.tool.clone());
                mark(&mut self.lasting, key, id, on);
            }
        }
        if let (Party::Agent(from), Some(key)) = (&message.from, &message.key) {
            mark(&mut self.keys, (*from, key.clone()), id, on);
        }
        // What an agent took by a call of its own is never brought again.
        if let Some(turn) = message.delivered.filter(|turn| turn.0 != 0) {
            mark(&mut self.delivered, turn, id, on);
        }
    }

    /// The message that stands for this request of a turn's program.
    #[must_use]
    pub fn requested(&self, turn: TurnId, reply: u64) -> Option<MessageId> {
        self.requests.get(&(turn, reply))?.first().copied()
    }

    /// What an agent last asked or said by a call of this name.
    #[must_use]
    pub fn said(&self, agent: AgentId, key: &str) -> Option<MessageId> {
        self.keys.get(&(agent, key.to_owned()))?.last().copied()
    }

    /// The messages that reached their agent by this turn.
    pub fn delivered_by(&self, turn: TurnId) -> impl Iterator<Item = MessageId> {
        self.delivered.get(&turn).into_iter().flatten().copied()
    }

    /// The permissions for a tool in a project that were given for good and not taken back.
    pub fn lasting(&self, project: ProjectId, tool: &str) -> impl Iterator<Item = MessageId> {
        let found = self.lasting.get(&(project, tool.to_owned()));
        found.into_iter().flatten().copied()
    }

    /// Whether the user owes an answer about this task.
    #[must_use]
    pub fn asks(&self, task: TaskId) -> bool {
        self.questions.contains_key(&task)
    }

    /// The open questions about a task.
    pub fn questions(&self, task: TaskId) -> impl Iterator<Item = MessageId> {
        self.questions.get(&task).into_iter().flatten().copied()
    }

    /// Answers and notes that an agent has not seen yet, oldest first.
    pub fn mail(&self, agent: AgentId) -> impl Iterator<Item = MessageId> {
        self.mail.get(&agent).into_iter().flatten().copied()
    }

    /// The open question about a budget that is used up.
    #[must_use]
    pub fn budget_question(&self, purse: Purse) -> Option<MessageId> {
        self.budget_questions.get(&purse).copied()
    }

    /// Every open question about a budget.
    pub fn budget_questions(&self) -> impl Iterator<Item = (Purse, MessageId)> {
        self.budget_questions
            .iter()
            .map(|(purse, id)| (*purse, *id))
    }

    /// Whether any agents of a project are held until the user has looked.
    #[must_use]
    pub fn holds(&self, project: ProjectId) -> bool {
        self.holds_of(project).next().is_some()
    }

    /// The open messages that hold agents of a project.
    pub fn holds_of(&self, project: ProjectId) -> impl Iterator<Item = MessageId> {
        self.holds
            .range((project, String::new())..)
            .take_while(move |((owner, _), _)| *owner == project)
            .flat_map(|(_, messages)| messages.iter().copied())
    }

    /// The open message that holds the agents of this table.
    #[must_use]
    pub fn held_by(&self, project: ProjectId, table: &str) -> Option<MessageId> {
        let messages = self.holds.get(&(project, table.to_owned()))?;
        messages.first().copied()
    }

    /// The open question about values that agents of a project wait for.
    #[must_use]
    pub fn values_asked(&self, project: ProjectId) -> Option<MessageId> {
        self.values_asked.get(&project)?.first().copied()
    }
}

/// A question or permission request to the user that is open.
fn is_owed_by_user(message: &Message) -> bool {
    message.status == MessageStatus::Open
        && message.to == Party::User
        && matches!(
            message.kind,
            MessageKind::Question | MessageKind::Permission
        )
}

/// The agent that has yet to see this message, or its answer.
#[must_use]
pub fn undelivered_to(message: &Message) -> Option<AgentId> {
    if message.delivered.is_some() {
        return None;
    }
    match (&message.from, &message.to) {
        (Party::Agent(asker), _) if message.status == MessageStatus::Answered => Some(*asker),
        (_, Party::Agent(reader)) if message.status == MessageStatus::Open => Some(*reader),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
