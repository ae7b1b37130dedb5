//! Sync actuator: the only thread that pulls and pushes the workspace. The main loop never waits for it.

use std::io;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};

use crate::monitor::backend::Backend;
use crate::monitor::messages::{MessageSender, MonitorMessage};
use crate::os::{Cancel, spawn};

/// Channel capacity, enough for one sync and a few reloads.
const CHANNEL_CAPACITY: usize = 8;

pub(super) enum SyncTask {
    Pull(Cancel),
    Push(Cancel),
    SetBackend(Arc<dyn Backend>),
}

/// Handle of the actuator's thread.
pub(super) struct SyncActuator {
    tasks: SyncSender<SyncTask>,
    /// Stops the latest pull or push.
    cancel: Mutex<Cancel>,
}

impl SyncActuator {
    pub(super) fn start(backend: Arc<dyn Backend>, message_sender: MessageSender) -> io::Result<Self> {
        let (tasks, receiver) = mpsc::sync_channel(CHANNEL_CAPACITY);
        spawn("sync", move || run_tasks(&receiver, backend, &message_sender))?;
        Ok(Self { tasks, cancel: Mutex::default() })
    }

    pub(super) fn start_pull(&self) {
        self.send_task(SyncTask::Pull(self.new_cancel()));
    }

    pub(super) fn start_push(&self) {
        self.send_task(SyncTask::Push(self.new_cancel()));
    }

    fn new_cancel(&self) -> Cancel {
        let cut = Cancel::new();
        *self.cancel.lock().unwrap_or_else(PoisonError::into_inner) = cut.clone();
        cut
    }

    pub(super) fn stop_running(&self) {
        self.cancel.lock().unwrap_or_else(PoisonError::into_inner).cancel();
    }

    pub(super) fn set_backend(&self, backend: Arc<dyn Backend>) {
        self.send_task(SyncTask::SetBackend(backend));
    }

    fn send_task(&self, task: SyncTask) {
        if self.tasks.try_send(task).is_err() {
            log::error!(
                "the sync thread does not respond: no pull or push until openclaw-failover.service is restarted"
            );
        }
    }
}

fn run_tasks(tasks: &Receiver<SyncTask>, mut backend: Arc<dyn Backend>, message_sender: &MessageSender) {
    for task in tasks {
        let message = match task {
            SyncTask::Pull(cut) => MonitorMessage::Pulled(backend.pull(&cut)),
            SyncTask::Push(cut) => MonitorMessage::Pushed(backend.push(&cut)),
            SyncTask::SetBackend(new) => {
                backend = new;
                continue;
            }
        };
        if !message_sender.send(message) {
            return;
        }
    }
}
