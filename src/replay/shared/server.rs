//! The store as a server: how it is connected to, and what it says of itself.

use std::collections::HashMap;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo, RedisError, RedisResult,
};
use tokio::time::timeout;

use super::marker::MARKER;
use super::trouble::StoreTrouble;
use crate::config::{SharedReplay, StoreAddress};
use crate::oauth::timestamp::Timestamp;

/// Where the store is, and how long it may take.
#[derive(Debug)]
pub(super) struct Server {
    client: Client,
    /// For a connection, and for what it is asked on behalf of no request.
    within: Duration,
}

/// What a server that nonces may be kept in says of itself.
#[derive(Debug)]
pub(super) struct Facts {
    /// Names its process (`run_id`).
    pub(super) run: String,
    /// Its clock.
    pub(super) time: Timestamp,
    /// What stands under [`MARKER`].
    pub(super) marker: Option<Vec<u8>>,
}

impl Server {
    /// # Errors
    /// If the address can't be one.
    pub(super) fn new(settings: &SharedReplay) -> Result<Self, StoreTrouble> {
        let (address, database) = match &settings.store {
            StoreAddress::Tcp { host, port, database } => (ConnectionAddr::Tcp(host.clone(), *port), *database),
            StoreAddress::Unix(path) => (ConnectionAddr::Unix(path.clone()), 0),
        };
        let mut identity = RedisConnectionInfo::default().set_db(database.into());
        if let Some(user) = &settings.user {
            identity = identity.set_username(user);
        }
        if let Some(password) = &settings.password {
            identity = identity.set_password(password.as_str());
        }
        // A claim is a small packet that somebody waits for.
        let tcp = TcpSettings::default().set_nodelay(true);
        let info = address.into_connection_info().map(|info| info.set_redis_settings(identity).set_tcp_settings(tcp));
        let client = info.and_then(Client::open).map_err(|error| StoreTrouble::from(&error))?;
        Ok(Self { client, within: settings.timeout.max(LEAST_WITHIN) })
    }

    pub(super) async fn connect(&self) -> Result<MultiplexedConnection, StoreTrouble> {
        // Each answer's time is limited by who asks.
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None).set_pipeline_buffer_size(QUEUE);
        self.in_time(self.client.get_multiplexed_async_connection_with_config(&config)).await
    }

    /// Asks what it is, and what its marker says.
    ///
    /// # Errors
    /// [`StoreTrouble`] also where nonces must not be kept in it.
    pub(super) async fn ask(&self, connection: &mut MultiplexedConnection) -> Result<Facts, StoreTrouble> {
        let mut questions = redis::pipe();
        for section in ["server", "memory", "replication"] {
            questions.cmd("INFO").arg(section);
        }
        questions.cmd("TIME").cmd("GET").arg(MARKER);
        type Answers = (String, String, String, (u64, u64), Option<Vec<u8>>);
        let (server, memory, replication, (time, _), marker): Answers = self.in_time(questions.query_async(connection)).await?;
        let run = run_of(&[&server, &memory, &replication].map(|text| fields(text)))?;
        Ok(Facts { run, time: Timestamp::from_seconds(time), marker })
    }

    pub(super) async fn put_marker(&self, connection: &mut MultiplexedConnection, text: &str) -> Result<(), StoreTrouble> {
        self.in_time(redis::cmd("SET").arg(MARKER).arg(text).query_async(connection)).await
    }

    async fn in_time<T>(&self, answer: impl Future<Output = RedisResult<T>>) -> Result<T, StoreTrouble> {
        match timeout(self.within, answer).await {
            Ok(answer) => answer.map_err(|error| StoreTrouble::from(&error)),
            Err(_) => Err(StoreTrouble::Silent),
        }
    }
}

impl From<&RedisError> for StoreTrouble {
    fn from(error: &RedisError) -> Self {
        // Of several answers that are errors the first says why.
        if let Some((_, error)) = error.clone().into_server_errors().as_deref().and_then(<[_]>::first) {
            let text = format!("{} {}", error.code(), error.details().unwrap_or_default());
            return match error.code() {
                "NOAUTH" | "WRONGPASS" | "NOPERM" => Self::Denied(text),
                "READONLY" => Self::Replica,
                "LOADING" => Self::Loading,
                _ => Self::Failing(text),
            };
        }
        match error.kind() {
            ErrorKind::AuthenticationFailed => Self::Denied(error.to_string()),
            ErrorKind::Io => Self::Unreachable(error.to_string()),
            _ => Self::Failing(error.to_string()),
        }
    }
}

/// The process's name, if the server is one that nonces may be kept in.
fn run_of([server, memory, replication]: &[HashMap<&str, &str>; 3]) -> Result<String, StoreTrouble> {
    let run = server.get("run_id").filter(|run| run.len() >= 16 && run.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let run = run.ok_or(StoreTrouble::Unknown("which process it is (run_id)"))?;
    match replication.get("role") {
        Some(&"master") => {}
        Some(_) => return Err(StoreTrouble::Replica),
        None => return Err(StoreTrouble::Unknown("what role it has (role)")),
    }
    match memory.get("maxmemory_policy") {
        Some(&"noeviction") => Ok((*run).to_owned()),
        Some(policy) => Err(StoreTrouble::Evicts((*policy).to_owned())),
        None => Err(StoreTrouble::Unknown("what it does when its memory is full (maxmemory_policy)")),
    }
}

/// `name:value`, a line each, as INFO answers.
fn fields(text: &str) -> HashMap<&str, &str> {
    text.lines().filter_map(|line| line.trim_end().split_once(':')).collect()
}

/// A busy server is not taken for a dead one because its users are impatient.
const LEAST_WITHIN: Duration = Duration::from_millis(500);

/// Claims that wait to be sent; those beyond wait for a place, within their time.
const QUEUE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(server: &str, memory: &str, replication: &str) -> Result<String, StoreTrouble> {
        run_of(&[server, memory, replication].map(fields))
    }

    const SERVER: &str = "# Server\r\nredis_version:7.0.15\r\nrun_id:0123456789abcdef0123\r\n";
    const MEMORY: &str = "# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n";
    const REPLICATION: &str = "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n";

    #[test]
    fn only_a_primary_that_evicts_nothing_is_taken() {
        assert_eq!(judged(SERVER, MEMORY, REPLICATION), Ok("0123456789abcdef0123".to_owned()));
        let evicting = MEMORY.replace("noeviction", "volatile-ttl");
        assert_eq!(judged(SERVER, &evicting, REPLICATION), Err(StoreTrouble::Evicts("volatile-ttl".to_owned())));
        assert_eq!(judged(SERVER, MEMORY, &REPLICATION.replace("master", "slave")), Err(StoreTrouble::Replica));
    }

    #[test]
    fn a_server_that_does_not_say_what_it_is_is_not_taken() {
        for (server, memory, replication) in [("", MEMORY, REPLICATION), (SERVER, "", REPLICATION), (SERVER, MEMORY, "")] {
            assert!(matches!(judged(server, memory, replication), Err(StoreTrouble::Unknown(_))));
        }
        for run in ["a b", "0123", "0123456789 abcdef012"] {
            let server = format!("run_id:{run}\r\n");
            assert!(matches!(judged(&server, MEMORY, REPLICATION), Err(StoreTrouble::Unknown(_))), "{run}");
        }
    }

    #[test]
    fn an_error_of_the_server_is_told_by_its_first_word() {
        for (answer, expected) in [
            ("NOAUTH Authentication required.", StoreTrouble::Denied("NOAUTH Authentication required.".to_owned())),
            ("WRONGPASS no such user", StoreTrouble::Denied("WRONGPASS no such user".to_owned())),
            ("NOPERM no such right", StoreTrouble::Denied("NOPERM no such right".to_owned())),
            ("READONLY You can't write against a read only replica.", StoreTrouble::Replica),
            ("LOADING Redis is loading the dataset in memory", StoreTrouble::Loading),
            ("MISCONF it cannot save", StoreTrouble::Failing("MISCONF it cannot save".to_owned())),
        ] {
            let answered = redis::parse_redis_value(format!("-{answer}\r\n").as_bytes()).and_then(redis::Value::extract_error);
            assert_eq!(StoreTrouble::from(&answered.unwrap_err()), expected, "{answer}");
        }
    }

    #[test]
    fn an_error_on_the_way_to_the_server_is_told_by_its_kind() {
        let trouble = |kind| StoreTrouble::from(&RedisError::from((kind, "so it is")));
        assert!(matches!(trouble(ErrorKind::AuthenticationFailed), StoreTrouble::Denied(_)));
        assert!(matches!(trouble(ErrorKind::Io), StoreTrouble::Unreachable(_)));
        assert!(matches!(trouble(ErrorKind::Client), StoreTrouble::Failing(_)));
    }
}
