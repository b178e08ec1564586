//! Where effects are performed: lanes of a width, each a queue of jobs in order. A lane has
//! threads only while it has work.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use cw_core::domain::ids::{InitiativeId, ProjectId};

/// The stack of a lane's thread: performers read files and run programs, nothing deep.
const STACK: usize = 512 * 1024;

/// Names a lane.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Lane {
    /// Making, collecting and taking away worktrees of a project.
    Worktrees(ProjectId),
    /// Everything that moves or reads an integration branch.
    Merges(InitiativeId),
    /// Starting turns.
    Turns,
    /// Stopping turns: each may take as long as a program's grace period.
    Stops,
}

impl Lane {
    /// How many of its jobs are under way at once.
    fn width(self) -> usize {
        match self {
            Self::Worktrees(_) => 3,
            Self::Merges(_) => 1,
            Self::Turns => 8,
            Self::Stops => 64,
        }
    }
}

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    threads: usize,
}

/// All lanes; cheap to copy.
#[derive(Clone, Default)]
pub struct Lanes {
    queues: Arc<Mutex<HashMap<Lane, Queue>>>,
}

impl Lanes {
    /// Puts a job at the end of a lane.
    pub fn submit(&self, lane: Lane, job: impl FnOnce() + Send + 'static) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(lane).or_default();
        queue.waiting.push_back(Box::new(job));
        if queue.threads < lane.width() {
            queue.threads += 1;
            drop(queues);
            let lanes = self.clone();
            let thread = std::thread::Builder::new()
                .name("lane".into())
                .stack_size(STACK);
            if let Err(error) = thread.spawn(move || lanes.work(lane)) {
                tracing::error!(%error, "no thread for a lane; its work waits for the next job");
                self.leave(lane);
            }
        }
    }

    fn work(&self, lane: Lane) {
        while let Some(job) = self.next(lane) {
            job();
        }
    }

    /// The lane's next job; when there is none the calling thread has left the lane.
    fn next(&self, lane: Lane) -> Option<Job> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.get_mut(&lane)?;
        let job = queue.waiting.pop_front();
        if job.is_none() {
            queue.threads -= 1;
            if queue.threads == 0 {
                queues.remove(&lane);
            }
        }
        job
    }

    fn leave(&self, lane: Lane) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get_mut(&lane) {
            queue.threads -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn jobs_of_a_narrow_lane_run_in_order_one_at_a_time() {
        let lanes = Lanes::default();
        let (send, seen) = mpsc::channel();
        let under_way = Arc::new(Mutex::new(()));
        for n in 0..100 {
            let (send, under_way) = (send.clone(), under_way.clone());
            lanes.submit(Lane::Merges(InitiativeId(1)), move || {
                let _alone = under_way.try_lock().expect("one at a time");
                send.send(n).unwrap();
            });
        }
        drop(send);
        assert_eq!(
            seen.iter().collect::<Vec<_>>(),
            (0..100).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_wide_lane_runs_jobs_side_by_side() {
        let lanes = Lanes::default();
        let (send, seen) = mpsc::channel();
        let (give, take) = mpsc::channel::<()>();
        lanes.submit(Lane::Turns, move || take.recv().unwrap());
        lanes.submit(Lane::Turns, move || send.send(()).unwrap());
        seen.recv().unwrap();
        give.send(()).unwrap();
    }
}
