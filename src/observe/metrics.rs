//! Metrics, as Prometheus and whatever speaks its formats read them.
//!
//! Everything is read when it is asked for. No label comes from the network: whoever makes requests makes no series.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::health::Trouble;
use super::histogram::Durations;
use super::traffic::{Event, Totals};
use crate::consumers::reload::ReloadState;
use crate::policy::Policy;
use crate::proxy::Shared;
use crate::tokens::{Step, StepOutcome, TokenStore};

/// Where the numbers are.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// What the data plane did and has.
    pub shared: Arc<Shared>,
    /// What became of reloads.
    pub reloads: Arc<ReloadState>,
}

/// The two ways of writing them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsFormat {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' own text format, 0.0.4.
    Text,
}

impl MetricsFormat {
    /// What a scraper prefers: it names OpenMetrics in its Accept header, or it may not know of it.
    pub fn accepted(accept: Option<&str>) -> Self {
        let names_it = accept.is_some_and(|accept| accept.contains("application/openmetrics-text"));
        if names_it { Self::OpenMetrics } else { Self::Text }
    }

    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => prometheus_text::CONTENT_TYPE,
        }
    }
}

impl Metrics {
    /// All of them, as they are now.
    ///
    /// # Errors
    /// None that could be explained: text is written to memory.
    pub fn written(&self, format: MetricsFormat) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.clone()));
        let mut written = String::new();
        match format {
            MetricsFormat::OpenMetrics => text::encode(&mut written, &registry)?,
            MetricsFormat::Text => prometheus_text::encode(&mut written, &registry)?,
        }
        Ok(written)
    }

    fn write_traffic(&self, page: &mut Page<'_>) -> fmt::Result {
        let totals = self.shared.traffic.totals();
        let verdicts = totals.verdicts.iter().map(|(verdict, count)| ([("verdict", *verdict)], *count));
        page.counters("requests", "Requests by what was decided about them; a line of the access log each", verdicts)?;
        page.durations("request", "From a request's head to the end of its answer", &totals.request)?;
        page.durations("gateway", "The gateway's own time, until a request goes out or is refused", &totals.gateway)?;
        page.durations("upstream", "From then until the head of the application's answer", &totals.upstream)?;
        page.gauge("in_flight", "Requests that were begun and not finished", totals.in_flight)?;
        Self::write_events(&totals, page)
    }

    fn write_events(totals: &Totals, page: &mut Page<'_>) -> fmt::Result {
        let refused = totals.event(Event::ConnectionRefused);
        page.counter(
            "connections_refused",
            "Connections that were closed at once: limits.connections and connections_per_address",
            refused,
        )?;
        let outcomes = [("failed", Event::HandshakeFailed), ("left", Event::HandshakeLeft)];
        let handshakes = outcomes.map(|(outcome, event)| ([("outcome", outcome)], totals.event(event)));
        page.counters("tls_handshakes_failed", "TLS handshakes that came to nothing: failed, or the client left", handshakes)
    }

    fn write_limits(&self, policy: &Policy, page: &mut Page<'_>) -> fmt::Result {
        let limits = &policy.settings.limits;
        page.gauge("connections", "Open connections of clients", self.shared.connections.open() as u64)?;
        page.gauge("connections_limit", "limits.connections", limits.connections as u64)?;
        page.gauge("nonces", "Nonces that are remembered", self.shared.gateway.nonces.live() as u64)?;
        page.gauge("nonces_limit", "limits.nonces: beyond it requests are refused", limits.nonces as u64)
    }

    fn write_files(&self, policy: &Policy, page: &mut Page<'_>) -> fmt::Result {
        let outcomes = self.reloads.counts().map(|(outcome, count)| ([("outcome", outcome)], count));
        page.counters("reloads", "How often the consumers were read again, by what became of it", outcomes)?;
        page.gauge("consumers", "Consumers in force", policy.consumers.len() as u64)?;
        let problems = u64::from(self.reloads.has_problems());
        page.gauge("files_have_problems", "1 while a file cannot be used, and an older version of it is in force", problems)
    }

    fn write_tokens(&self, page: &mut Page<'_>) -> fmt::Result {
        let tokens = self.shared.gateway.tokens.as_deref();
        let number = tokens.map_or(0, TokenStore::len) as u64;
        page.gauge("tokens", "Users' access tokens that can be used or renewed", number)?;
        let counts = tokens.map(TokenStore::counts);
        let samples = Step::ALL.into_iter().flat_map(|step| {
            StepOutcome::ALL.map(|outcome| {
                let count = counts.map_or(0, |counts| counts.get(step, outcome));
                ([("step", step.name()), ("outcome", outcome.name())], count)
            })
        });
        page.counters("dance_steps", "Steps of the three-legged dance, by what became of them", samples)
    }

    fn write_certificates(policy: &Policy, page: &mut Page<'_>) -> fmt::Result {
        let listeners =
            policy.settings.listen.iter().filter_map(|listener| Some((listener.address.to_string(), listener.tls.as_ref()?)));
        let of_listeners = listeners.flat_map(|(address, tls)| tls.pairs.iter().map(move |pair| (address.clone(), pair)));
        let identities = policy.settings.tls_upstreams().filter_map(|(_, tls)| tls.identity.as_ref());
        let mut expiries: Vec<(String, String, u64)> = of_listeners
            .chain(identities.map(|pair| ("upstream".to_owned(), pair)))
            .filter_map(|(listener, pair)| {
                let file = &pair.certificate.path;
                Some((listener, file.display().to_string(), policy.tls.not_after(file)?.seconds()))
            })
            .collect();
        // Two rules may have the same upstream.
        expiries.sort();
        expiries.dedup();
        let samples =
            expiries.iter().map(|(listener, file, at)| ([("listener", listener.as_str()), ("file", file.as_str())], *at));
        let help = "Until when a certificate holds, in seconds since 1970; its listener is an address, or upstream";
        page.gauges("certificate_expiry_timestamp", Some(&Unit::Seconds), help, samples)
    }

    fn write_troubles(&self, page: &mut Page<'_>) -> fmt::Result {
        let health = &self.shared.health;
        let totals = self.shared.traffic.totals();
        let unwritten =
            totals.verdicts.iter().find(|(verdict, _)| *verdict == "nonce_not_written").map_or(0, |(_, count)| *count);
        let errors = health.raised(Trouble::Journal) + unwritten;
        page.counter(
            "nonce_journal_errors",
            "Writes to the nonce journal that failed; requests are refused with 503 then",
            errors,
        )?;
        let troubles = Trouble::ALL.map(|trouble| ([("trouble", trouble.name())], u64::from(health.has(trouble))));
        page.gauges("trouble", None, "1 while signed requests cannot be accepted for this reason", troubles)?;
        page.gauge("ready", "1 while /readyz says so", u64::from(health.troubles().is_empty()))?;
        let version = [([("version", env!("CARGO_PKG_VERSION"))], 1)];
        page.gauges("build_info", None, "The version; always 1", version)
    }
}

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (mut page, policy) = (Page(encoder), self.shared.gateway.policy.load_full());
        self.write_traffic(&mut page)?;
        self.write_limits(&policy, &mut page)?;
        self.write_files(&policy, &mut page)?;
        self.write_tokens(&mut page)?;
        Self::write_certificates(&policy, &mut page)?;
        self.write_troubles(&mut page)
    }
}

/// Writes families of metrics, whose names all begin alike.
struct Page<'p>(DescriptorEncoder<'p>);

impl Page<'_> {
    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.family(name, help, None, MetricType::Counter, |encoder| ConstCounter::new(value).encode(encoder))
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.family(name, help, None, MetricType::Gauge, |encoder| ConstGauge::new(value).encode(encoder))
    }

    fn counters<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = ([(&'l str, &'l str); N], u64)>,
    ) -> fmt::Result {
        self.family(name, help, None, MetricType::Counter, |mut encoder| {
            samples.into_iter().try_for_each(|(labels, value)| ConstCounter::new(value).encode(encoder.encode_family(&labels)?))
        })
    }

    fn gauges<'l, const N: usize>(
        &mut self,
        name: &str,
        unit: Option<&Unit>,
        help: &str,
        samples: impl IntoIterator<Item = ([(&'l str, &'l str); N], u64)>,
    ) -> fmt::Result {
        self.family(name, help, unit, MetricType::Gauge, |mut encoder| {
            samples.into_iter().try_for_each(|(labels, value)| ConstGauge::new(value).encode(encoder.encode_family(&labels)?))
        })
    }

    fn durations(&mut self, name: &str, help: &str, durations: &Durations) -> fmt::Result {
        let buckets: Vec<(f64, u64)> = durations.buckets().collect();
        self.family(name, help, Some(&Unit::Seconds), MetricType::Histogram, |mut encoder| {
            encoder.encode_histogram::<NoLabelSet>(durations.seconds(), durations.count(), &buckets, None)
        })
    }

    fn family(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        kind: MetricType,
        write: impl FnOnce(MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        write(self.0.encode_descriptor(&format!("countersign_{name}"), help, unit, kind)?)
    }
}
