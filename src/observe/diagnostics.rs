//! Diagnostics through `tracing`, into the same sink as the access log, so that lines never mix.

use std::io;
use std::sync::Arc;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::sink::Sink;
use crate::config::{LogFormat, LogLevel};

/// Installs the process's subscriber; a second call changes nothing.
pub fn install(sink: Arc<Sink>, format: LogFormat, level: LogLevel) {
    let builder = tracing_subscriber::fmt().with_writer(ToSink(sink)).with_max_level(filter(level)).with_ansi(false);
    let _ = match format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
        LogFormat::Text => builder.try_init(),
    };
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

struct ToSink(Arc<Sink>);

impl<'a> MakeWriter<'a> for ToSink {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { sink: &self.0, text: Vec::new() }
    }
}

/// Gathers one event, however many writes it comes in.
struct Line<'a> {
    sink: &'a Sink,
    text: Vec<u8>,
}

impl io::Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.sink.append(&self.text);
    }
}
