//! Ctrl-C and other signals that end a command: says what was written, and what of it is published, and then ends
//! the program.

use std::future::ready;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};

use super::report::Terminal;

/// The exit code after Ctrl-C, as shells set it.
const EXIT_CODE: i32 = 130;

/// What to print: a message and a hint.
pub(crate) type Message = (String, Option<&'static str>);

type Describe = Box<dyn Fn() -> Message + Send>;

static DESCRIBE: Mutex<Option<Describe>> = Mutex::new(None);

fn current() -> MutexGuard<'static, Option<Describe>> {
    DESCRIBE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets what a signal prints from now on.
pub(crate) fn on_stop(terminal: Terminal, describe: impl Fn() -> Message + Send + 'static) {
    let is_watched = current().replace(Box::new(describe)).is_some();
    if !is_watched {
        watch(terminal);
    }
}

/// Waits for a signal on a thread of its own; returns when it can come.
fn watch(terminal: Terminal) {
    let (is_ready, wait) = mpsc::channel();
    std::thread::spawn(move || {
        // Without a runtime, the signal ends the program by itself.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let mut stop = pin!(romfeed::serve::stop_signal());
            // The handler is set when the future is first asked.
            tokio::select! {
                biased;
                () = &mut stop => {}
                () = ready(()) => {
                    let _ = is_ready.send(());
                    stop.await;
                }
            }
        });
        if let Some(describe) = &*current() {
            let (text, hint) = describe();
            terminal.error(&text, hint);
        }
        std::process::exit(EXIT_CODE)
    });
    // If the thread has ended, there is nothing to wait for.
    let _ = wait.recv();
}
