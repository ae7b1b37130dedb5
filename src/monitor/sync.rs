//! Sync actuator: the only thread that pulls and pushes the workspace. The main loop never waits for it.

use std::io;
use std::sync::mpsc::{
    Receiver, SyncSender, {self},
};
use std::sync::{Arc, Mutex, PoisonError};

use crate::monitor::backend::Backend;
use crate::monitor::messages::{Fact, Outlet};
use crate::os::{Cancel, spawn};

/// Channel capacity, enough for one sync and a few reloads.
const ROOM: usize = 8;

pub(super) enum Task {
    Pull(Cancel),
    Push(Cancel),
    Drive(Arc<dyn Backend>),
}

/// Handle of the actuator's thread.
pub(super) struct Sync {
    tasks: SyncSender<Task>,
    /// Stops the latest pull or push.
    cut: Mutex<Cancel>,
}

impl Sync {
    pub(super) fn start(backend: Arc<dyn Backend>, outlet: Outlet) -> io::Result<Self> {
        let (tasks, receiver) = mpsc::sync_channel(ROOM);
        spawn("sync", move || run(&receiver, backend, &outlet))?;
        Ok(Self { tasks, cut: Mutex::default() })
    }

    pub(super) fn pull(&self) {
        self.hand_over(Task::Pull(self.new_cut()));
    }

    pub(super) fn push(&self) {
        self.hand_over(Task::Push(self.new_cut()));
    }

    fn new_cut(&self) -> Cancel {
        let cut = Cancel::new();
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = cut.clone();
        cut
    }

    pub(super) fn cut(&self) {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner).cancel();
    }

    pub(super) fn drive(&self, backend: Arc<dyn Backend>) {
        self.hand_over(Task::Drive(backend));
    }

    fn hand_over(&self, task: Task) {
        if self.tasks.try_send(task).is_err() {
            log::error!(
                "the sync thread does not respond: no pull or push until openclaw-failover.service is restarted"
            );
        }
    }
}

fn run(tasks: &Receiver<Task>, mut backend: Arc<dyn Backend>, outlet: &Outlet) {
    for task in tasks {
        let fact = match task {
            Task::Pull(cut) => Fact::Pulled(backend.pull(&cut)),
            Task::Push(cut) => Fact::Pushed(backend.push(&cut)),
            Task::Drive(new) => {
                backend = new;
                continue;
            }
        };
        if !outlet.send(fact) {
            return;
        }
    }
}
