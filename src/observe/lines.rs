//! Whole lines to an output that may be full for a while: what it does not take is counted, and a torn line stands alone.

use std::io::{self, ErrorKind, Write};

/// An output for lines.
#[derive(Debug)]
pub(super) struct Lines<W> {
    output: W,
    /// Lines that nobody will read, since somebody was told.
    lost: u64,
    /// Whether a piece of a line stands at the end.
    torn: bool,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(output: W) -> Self {
        Self { output, lost: 0, torn: false }
    }

    /// Goes on with another output.
    pub(super) fn replace(&mut self, output: W) {
        (self.output, self.torn) = (output, false);
    }

    /// Writes these lines, and behind them how many were lost before: `dropped` ones, and those that could not be written.
    ///
    /// # Errors
    /// What the output says. The rest of the lines is lost: kept, they would have to be dropped when there are more.
    pub(super) fn write(&mut self, lines: &[u8], dropped: u64) -> io::Result<()> {
        self.lost += dropped;
        if self.torn {
            // Without this, the next line would be lost in it too.
            self.output.write_all(b"\n").inspect_err(|_| self.lost += count(lines))?;
            self.torn = false;
        }
        self.put(lines)?;
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            let told = format!("{{\"level\":\"ERROR\",\"message\":\"log lines were dropped\",\"count\":{lost}}}\n");
            self.put(told.as_bytes()).inspect_err(|_| self.lost = lost)?;
        }
        Ok(())
    }

    fn put(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut written = 0;
        while written < lines.len() {
            match self.output.write(&lines[written..]) {
                Ok(length) if length > 0 => written += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                stopped => {
                    self.torn = written > 0 && lines[written - 1] != b'\n';
                    self.lost += count(&lines[written..]);
                    return Err(stopped.err().unwrap_or_else(|| ErrorKind::WriteZero.into()));
                }
            }
        }
        Ok(())
    }
}

fn count(lines: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', lines).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, a few at a time.
    struct Disk {
        room: usize,
        taken: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let length = bytes.len().min(self.room).min(5);
            self.room -= length;
            self.taken.extend_from_slice(&bytes[..length]);
            if length > 0 { Ok(length) } else { Err(ErrorKind::StorageFull.into()) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines_with_room_for(room: usize) -> Lines<Disk> {
        Lines::new(Disk { room, taken: Vec::new() })
    }

    fn text(lines: &Lines<Disk>) -> String {
        String::from_utf8(lines.output.taken.clone()).unwrap()
    }

    const TOLD: &str = r#"{"level":"ERROR","message":"log lines were dropped","count":"#;

    #[test]
    fn what_there_is_room_for_is_written_as_it_is() {
        let mut lines = lines_with_room_for(100);
        lines.write(b"one\ntwo\n", 0).unwrap();
        lines.write(b"three\n", 0).unwrap();
        assert_eq!(text(&lines), "one\ntwo\nthree\n");
    }

    #[test]
    fn lines_that_found_no_room_are_counted_and_the_torn_one_stands_alone() {
        let mut lines = lines_with_room_for(6);
        assert_eq!(lines.write(b"one\ntwo\nthree\n", 0).unwrap_err().kind(), ErrorKind::StorageFull);
        lines.write(b"four\n", 0).unwrap_err();
        lines.output.room = 200;
        lines.write(b"five\n", 4).unwrap();
        assert_eq!(text(&lines), format!("one\ntw\nfive\n{TOLD}7}}\n"));
        lines.write(b"six\n", 0).unwrap();
        assert!(text(&lines).ends_with("7}\nsix\n"), "told once");
    }

    #[test]
    fn a_count_that_found_no_room_is_told_later() {
        let mut lines = lines_with_room_for(10);
        lines.write(b"one\n", 3).unwrap_err();
        lines.output.room = 200;
        lines.write(b"two\n", 0).unwrap();
        assert_eq!(text(&lines), format!("one\n{}\ntwo\n{TOLD}3}}\n", &TOLD[..6]));
    }

    #[test]
    fn another_output_begins_with_a_line() {
        let mut lines = lines_with_room_for(2);
        lines.write(b"one\n", 0).unwrap_err();
        lines.replace(Disk { room: 200, taken: Vec::new() });
        lines.write(b"two\n", 0).unwrap();
        assert_eq!(text(&lines), format!("two\n{TOLD}1}}\n"));
    }
}
