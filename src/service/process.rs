//! A process that can be signalled without ever hitting another one that has its number now.

use std::fmt;
use std::io;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process: its number, and when it was started, in the kernel's ticks since the machine's boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessId {
    number: u32,
    started: u64,
}

impl ProcessId {
    /// This process.
    ///
    /// # Errors
    /// If there is no /proc.
    pub fn current() -> io::Result<Self> {
        Self::of(std::process::id())
    }

    /// Reads what its [`Display`](fmt::Display) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, started) = text.strip_suffix('\n')?.split_once(' ')?;
        Some(Self { number: number.parse().ok()?, started: started.parse().ok()? })
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Sends SIGHUP, if `is_there` says of the process that it is still the one that is meant; false if not, or if it runs no more.
    ///
    /// # Errors
    /// If it may not be signalled.
    pub fn hang_up(&self, is_there: impl FnOnce() -> bool) -> io::Result<bool> {
        let Some(number) = i32::try_from(self.number).ok().and_then(Pid::from_raw) else { return Ok(false) };
        let process = match pidfd_open(number, PidfdFlags::empty()) {
            Ok(process) => process,
            Err(Errno::SRCH) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        // The descriptor stands for one process for good, so what is found out now holds for the signal.
        if self.is_another() || !is_there() {
            return Ok(false);
        }
        match pidfd_send_signal(process, Signal::HUP) {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether /proc shows another process with the number. In a sandbox (`ProtectProc=invisible`) it may show none.
    fn is_another(&self) -> bool {
        Self::of(self.number).is_ok_and(|now| now != *self)
    }

    pub(super) fn of(number: u32) -> io::Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat"))?;
        // The name, in brackets, may hold anything. Behind it the fields count from 3 (proc_pid_stat(5)).
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace());
        let mut fields = fields.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        let started = fields.nth(22 - 3).and_then(|started| started.parse().ok());
        Ok(Self { number, started: started.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))? })
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.number, self.started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_reads_as_it_was_written_and_runs() {
        let process = ProcessId::current().unwrap();
        assert_eq!(ProcessId::parse(&process.to_string()), Some(process));
        assert!(!process.is_another());
        for text in ["", "\n", "1\n", "1 2", "1 x\n", "1 2 3\n"] {
            assert_eq!(ProcessId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn another_process_with_the_same_number_is_not_signalled() {
        // SIGHUP ends a program that does not handle it, and this one does not.
        let now = ProcessId::current().unwrap();
        let earlier = ProcessId { started: now.started - 1, ..now };
        assert!(earlier.is_another() && !earlier.hang_up(|| true).unwrap());
        assert!(!now.hang_up(|| false).unwrap());
    }

    #[test]
    fn a_process_that_ended_is_not_signalled() {
        // Whoever runs this under nohup(1) has the signal ignored, and a child would inherit that.
        let mut child = std::process::Command::new("env").args(["--default-signal=HUP", "sleep", "1000"]).spawn().unwrap();
        let process = ProcessId::of(child.id()).unwrap();
        // Until it has seen to that, it misses the signal.
        while child.try_wait().unwrap().is_none() {
            process.hang_up(|| true).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(!process.hang_up(|| true).unwrap());
    }
}
