//! `countersign check`: what is wrong with the files, and what they say about a request.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::failure::Failure;
use super::print;
use crate::accounts;
use crate::config::ResourceOwner;
use crate::config::{Listener, Settings, Source};
use crate::consumers::{self, ConsumerList, LoadPolicy};
use crate::dance::Endpoint;
use crate::request::is_forwarded;
use crate::routes::{Access, Decision, Rule};
use crate::tls;
use crate::yaml::{Problem, Problems};

/// Check the files, and print every problem with its line
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: countersign check --config countersign.yaml --route 'GET /rest/api/2/issue/X-1'")]
pub(super) struct Check {
    /// The configuration; its consumers are checked with it
    #[arg(long, value_name = "FILE", default_value = "/etc/countersign/countersign.yaml")]
    config: PathBuf,
    /// Only this consumers file, or folder of such files
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "route"])]
    consumers: Option<PathBuf>,
    /// Say which rule decides about a request, and what it decides
    #[arg(long, value_name = "'METHOD PATH'")]
    route: Option<Route>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `--route`
#[derive(Debug, Clone)]
struct Route {
    method: Method,
    path: String,
}

impl FromStr for Route {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (method, target) = text.split_once(' ').ok_or("write a method and a path, such as 'GET /status'")?;
        let method: Method = method.parse().map_err(|_| NO_METHOD)?;
        // No request that the gateway would not forward for its method alone is asked about.
        if !is_forwarded(&method) {
            return Err(NO_METHOD);
        }
        let target = target.trim();
        if !target.starts_with('/') {
            return Err("the path has to begin with a slash");
        }
        // The query has no part in the decision.
        let path = target.split(['?', '#']).next().unwrap_or_default().to_owned();
        Ok(Self { method, path })
    }
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let findings = match &self.consumers {
            Some(path) => check_consumers(path),
            None => check_all(&self.config),
        };
        print(&if self.json { findings.json(&self) } else { findings.text(&self) })?;
        match findings.errors() {
            0 => Ok(()),
            1 => Err(Failure::new("one problem has to be mended")),
            several => Err(Failure::new(format!("{several} problems have to be mended"))),
        }
    }
}

/// What there is to say.
#[derive(Default)]
struct Findings {
    problems: Vec<Problem>,
    settings: Option<Settings>,
    consumers: Option<(ConsumerList, Vec<PathBuf>)>,
}

fn check_all(path: &Path) -> Findings {
    let mut findings = Findings::default();
    match Source::File(path.to_owned()).load() {
        Ok(loaded) => {
            findings.problems = loaded.warnings;
            match tls::load(&loaded.settings, &loaded.document, &tls::Files::default(), None, LoadPolicy::by_default().now) {
                Ok(tls) => findings.problems.extend(tls.warnings),
                Err(Problems(problems)) => findings.problems.extend(problems),
            }
            for users in users_files(&loaded.settings) {
                match accounts::load(users) {
                    Ok(users) => findings.problems.extend(users.warnings),
                    Err(Problems(problems)) => findings.problems.extend(problems),
                }
            }
            findings.take_consumers(consumers::load(&loaded.settings.consumers, &LoadPolicy::of(&loaded.settings)));
            findings.settings = Some(loaded.settings);
        }
        Err(refused) => findings.problems = consumers::problems_beside(refused).0,
    }
    findings
}

/// Those who sign in here: administrators, and the users of the dance.
fn users_files(settings: &Settings) -> impl Iterator<Item = &Path> {
    let admins = settings.admin.as_ref().map(|admin| admin.users.as_path());
    let users = settings.dance.as_ref().and_then(|dance| match &dance.resource_owner {
        ResourceOwner::Users(file) => Some(file.as_path()),
        ResourceOwner::SessionProbe(_) | ResourceOwner::TrustedHeader { .. } => None,
    });
    admins.into_iter().chain(users)
}

fn check_consumers(path: &Path) -> Findings {
    let mut findings = Findings::default();
    findings.take_consumers(consumers::load(path, &LoadPolicy::by_default()));
    findings
}

impl Findings {
    fn take_consumers(&mut self, result: Result<consumers::Loaded, Problems>) {
        match result {
            Ok(loaded) => {
                self.problems.extend(loaded.warnings);
                self.consumers = Some((loaded.list, loaded.files));
            }
            Err(Problems(problems)) => self.problems.extend(problems),
        }
    }

    fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.is_error()).count()
    }

    fn is_ok(&self) -> bool {
        self.errors() == 0
    }

    fn text(&self, args: &Check) -> String {
        let mut lines = Vec::new();
        for problem in &self.problems {
            let severity = if problem.is_error() { "error" } else { "warning" };
            lines.push(format!("{severity}: {problem}"));
        }
        match &args.route {
            Some(route) => lines.extend(self.answer(route).map(|answer| answer.text(args))),
            None if self.is_ok() => lines.push(self.summary()),
            None => {}
        }
        lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    fn summary(&self) -> String {
        let mut text = String::new();
        if let Some(settings) = &self.settings {
            let listen: Vec<String> = settings.listen.iter().map(listener_text).collect();
            let servers: Vec<String> = settings.upstream.servers.iter().map(ToString::to_string).collect();
            line(&mut text, "listen", &listen.join(", "));
            line(&mut text, "upstream", &servers.join(", "));
        }
        if let Some((list, files)) = &self.consumers {
            line(&mut text, "consumers", &consumers_text(list, files));
        }
        if let Some(settings) = &self.settings {
            for rule in settings.routes.rules() {
                line(&mut text, "route", &format!("{:8} {}", access_name(rule.access), rule_text(rule)));
            }
            line(&mut text, "route", "signed   everything else");
            if let Some(dance) = &settings.dance {
                let prefix = settings.public_url.as_ref().map_or("", |url| url.path.as_str());
                let paths = &dance.paths;
                for path in [&paths.request_token, &paths.authorize, &paths.access_token, &paths.user_tokens] {
                    line(&mut text, "dance", &format!("{prefix}{path}"));
                }
            }
        }
        text
    }

    fn answer<'a>(&'a self, route: &'a Route) -> Option<Answer<'a>> {
        let settings = self.settings.as_ref()?;
        let decision = settings.routes.decide(&route.method, &route.path);
        let endpoint = Endpoint::at_public_path(&route.path, settings);
        let (list, _) = self.consumers.as_ref()?;
        let mut reaching: Vec<&str> =
            list.iter().filter(|it| it.may_reach(&route.method, &route.path)).map(|it| it.key.as_str()).collect();
        reaching.sort_unstable();
        Some(Answer { route, decision, endpoint, reaching, consumers: list.len() })
    }

    fn json(&self, args: &Check) -> String {
        let mut object = BTreeMap::new();
        object.insert("ok", json!(self.is_ok()));
        object.insert("problems", self.problems.iter().map(problem_json).collect());
        if let Some(settings) = &self.settings {
            object.insert("listen", settings.listen.iter().map(|listener| json!(listener.address)).collect());
            object.insert("upstream", settings.upstream.servers.iter().map(ToString::to_string).collect());
            object.insert("routes", settings.routes.rules().iter().map(rule_json).collect());
        }
        if let Some((list, files)) = &self.consumers {
            object.insert("consumers", json!(list.len()));
            object.insert("files", json!(files));
        }
        if let Some(answer) = args.route.as_ref().and_then(|route| self.answer(route)) {
            object.insert("route", answer.json());
        }
        format!("{}\n", json!(object))
    }
}

/// What is decided about the request of `--route`.
struct Answer<'a> {
    route: &'a Route,
    decision: Decision<'a>,
    /// The dance's, which no rule is asked for.
    endpoint: Option<Endpoint>,
    /// The keys of consumers whose `allow` covers it.
    reaching: Vec<&'a str>,
    consumers: usize,
}

impl Answer<'_> {
    fn text(&self, args: &Check) -> String {
        let Route { method, path } = self.route;
        if let Some(endpoint) = self.endpoint {
            let mut text = format!("{method} {path}: dance, because the gateway answers there itself\n");
            line(&mut text, "", endpoint_meaning(endpoint));
            return text;
        }
        let mut text = format!("{method} {path}: {}, {}\n", access_name(self.decision.access), self.reason(&args.config));
        line(&mut text, "", meaning(self.decision.access));
        if matches!(self.decision.access, Access::Signed | Access::Optional) {
            line(&mut text, "", &self.reaching_text());
        }
        text
    }

    fn reason(&self, file: &Path) -> String {
        match (self.decision.ambiguity, self.decision.rule) {
            (Some(ambiguity), Some(rule)) => {
                let place = format!("{}:{} ({})", file.display(), rule.line, rule_text(rule));
                format!("because the path has {ambiguity}; else the rule in {place} would decide")
            }
            (Some(ambiguity), None) => {
                format!("because no rule is asked: the path has {ambiguity}, which the application may read in another way")
            }
            (None, Some(rule)) => format!("by the rule in {}:{} ({})", file.display(), rule.line, rule_text(rule)),
            (None, None) => "because no rule matches".to_owned(),
        }
    }

    fn reaching_text(&self) -> String {
        let shown = &self.reaching[..self.reaching.len().min(MAX_SHOWN)];
        let dots = if shown.len() < self.reaching.len() { ", …" } else { "" };
        let names = if shown.is_empty() { String::new() } else { format!(": {}{dots}", shown.join(", ")) };
        format!("open to {} of {} consumers by their allow{names}", self.reaching.len(), self.consumers)
    }

    fn json(&self) -> Value {
        json!({
            "method": self.route.method.as_str(),
            "path": self.route.path,
            "access": if self.endpoint.is_some() { "dance" } else { access_name(self.decision.access) },
            "line": self.decision.rule.filter(|_| self.endpoint.is_none()).map(|rule| rule.line),
            "ambiguity": self.decision.ambiguity,
            "consumers": self.reaching,
        })
    }
}

fn listener_text(listener: &Listener) -> String {
    let tls = if listener.tls.is_some() { " (TLS)" } else { "" };
    format!("{}{tls}", listener.address)
}

fn line(text: &mut String, label: &str, value: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "{label:10} {value}");
}

fn consumers_text(list: &ConsumerList, files: &[PathBuf]) -> String {
    let now = LoadPolicy::by_default().now;
    let idle = list.iter().filter(|consumer| !consumer.is_active(now)).count();
    let place = match files {
        [file] => file.display().to_string(),
        files => format!("{} files", files.len()),
    };
    let idle = if idle > 0 { format!(", {idle} of them disabled or expired") } else { String::new() };
    format!("{} in {place}{idle}", list.len())
}

fn rule_text(rule: &Rule) -> String {
    let methods: Vec<&str> = rule.methods.iter().flatten().map(Method::as_str).collect();
    format!("{} {}", methods.join(","), rule.pattern).trim_start().to_owned()
}

fn access_name(access: Access) -> &'static str {
    match access {
        Access::Signed => "signed",
        Access::Optional => "optional",
        Access::Open => "open",
        Access::Observe => "observe",
        Access::Deny => "deny",
    }
}

fn meaning(access: Access) -> &'static str {
    match access {
        Access::Signed => "passes only with a valid signature of a consumer",
        Access::Optional => "passes without OAuth credentials, with no identity; with them only if the signature is valid",
        Access::Open => "passes without verification, with no identity",
        Access::Observe => "passes whatever its signature, with no identity; the verdict is logged",
        Access::Deny => "is refused, signed or not",
    }
}

fn endpoint_meaning(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Signed(_) => "gives tokens to a valid signature of a consumer that may have them (three_legged)",
        Endpoint::Page(_) => "shows a page to the user at the browser",
        Endpoint::ConsumerInfo => "is answered with 404: the gateway is no consumer of anybody's",
    }
}

fn problem_json(problem: &Problem) -> Value {
    json!({
        "severity": if problem.is_error() { "error" } else { "warning" },
        "file": problem.file,
        "line": problem.line,
        "message": problem.message,
        "hint": problem.hint,
    })
}

fn rule_json(rule: &Rule) -> Value {
    json!({ "line": rule.line, "access": access_name(rule.access), "rule": rule_text(rule) })
}

const NO_METHOD: &str = "the method is none that is forwarded; methods are written in capitals, such as GET or POST";
/// As many names as fit in a line.
const MAX_SHOWN: usize = 10;
