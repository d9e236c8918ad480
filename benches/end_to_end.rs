//! CPU time per request: the gateway, verifying RSA-SHA1, against nginx as a plain reverse proxy.
//!
//! The same signed requests go over the same number of keep-alive connections to nginx as it comes, to nginx with kept backend
//! connections, and to the gateway with one thread and with two, by turns, in several rounds of one run. Each round starts all
//! four anew; only their own processes are measured.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{EncodePublicKey, LineEnding};
use rsa::rand_core::OsRng;
use rsa::signature::{SignatureEncoding, Signer};
use sha1::Sha1;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use rig::{Result, Server, free_address, send_all};

mod rig;

#[derive(Parser)]
#[command(about = "CPU time per request of the gateway against nginx")]
struct Options {
    /// The gateway's binary.
    #[arg(long, default_value = "target/release/countersign")]
    gateway: PathBuf,
    /// Measured requests per server and round.
    #[arg(long, default_value_t = 40_000)]
    requests: usize,
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Given by `cargo bench` but not by `cargo test`, which is not to start a measurement.
    #[arg(long, hide = true)]
    bench: bool,
    /// Be the backend instead.
    #[arg(long, hide = true)]
    backend: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options {
        Options { backend: true, .. } => serve_backend(),
        Options { bench: true, .. } => measure(&options),
        _ => rig::not_measured("end_to_end"),
    };
    rig::exit_code(outcome)
}

fn measure(options: &Options) -> Result<()> {
    let nginx = find_nginx()?;
    let folder = tempfile::tempdir()?;
    let backend = Backend::start()?;

    let consumer = Consumer::generate()?;
    fs::create_dir(folder.path().join("lists"))?;
    fs::write(folder.path().join("lists/consumers.yaml"), consumer.entry()?)?;
    let signed = Instant::now();
    let mut requests = consumer.sign(options.requests + WARM_UP)?;
    println!("signed {} requests in {:.1} s", requests.len(), signed.elapsed().as_secs_f64());
    let load = Load {
        warm_up: requests.split_off(options.requests).into(),
        measured: requests.chunks(options.requests.div_ceil(TURNS).max(1)).map(Arc::from).collect(),
        connections: options.connections,
        signed,
    };

    println!("\nround  server               CPU µs/request   requests/s   against plain nginx");
    let (mut plain, mut pooled, mut two, mut idle, mut start) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        let nginx = |upstream| start_nginx(&nginx, folder.path(), backend.address, upstream);
        let gateway = |threads| Server::gateway(&options.gateway, folder.path(), backend.address, threads);
        let servers = [nginx(NginxUpstream::Plain)?, nginx(NginxUpstream::Pooled)?, gateway(1)?, gateway(2)?];
        idle.push(servers[2].memory_kib("VmRSS")? as f64 / 1024.0);
        start.push(servers[2].answered_after.as_secs_f64() * 1e3);

        let costs = load.run(&servers)?;
        for (name, cost) in ["nginx, plain", "nginx, pooled", "gateway, 1 thread", "gateway, 2 threads"].iter().zip(&costs) {
            let ratio = cost.cpu_us / costs[0].cpu_us;
            println!("{round:>5}  {name:<18} {:>16.1} {:>12.0} {ratio:>21.2}", cost.cpu_us, cost.per_second);
        }
        plain.push(costs[2].cpu_us / costs[0].cpu_us);
        pooled.push(costs[2].cpu_us / costs[1].cpu_us);
        two.push(costs[3].cpu_us / costs[2].cpu_us);
    }

    println!(
        "\nidle gateway (median): {:.1} MiB resident, first answer {:.0} ms after its start",
        median(&mut idle),
        median(&mut start)
    );
    println!("ratio 2 threads/1 thread (median of {}): {:.2}", options.rounds, median(&mut two));
    println!("ratio gateway/nginx with a pool of kept connections (median of {}): {:.2}", options.rounds, median(&mut pooled));
    println!("ratio gateway/plain nginx (median of {}): {:.2}", options.rounds, median(&mut plain));
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

/// Rendered requests and how they are sent.
struct Load {
    warm_up: Arc<[Vec<u8>]>,
    /// One part for each turn.
    measured: Vec<Arc<[Vec<u8>]>>,
    connections: usize,
    signed: Instant,
}

/// What a request cost: CPU in µs; requests per second of wall-clock time, which loader and backend slow down too.
struct Cost {
    cpu_us: f64,
    per_second: f64,
}

impl Load {
    /// Sends every request to every server. They take turns, so that whatever else the machine does falls on all of them alike.
    fn run(&self, servers: &[Server]) -> Result<Vec<Cost>> {
        if self.signed.elapsed() > STAMPS_LAST {
            return Err("the timestamps are about to leave the window: take fewer requests or rounds".into());
        }
        for server in servers {
            send_all(server.address, &self.warm_up, self.connections, ADMITTED)?;
        }
        let before = servers.iter().map(|server| cpu_time(server.pid())).collect::<Result<Vec<_>>>()?;
        let mut wall = vec![Duration::ZERO; servers.len()];
        for requests in &self.measured {
            for (server, wall) in servers.iter().zip(&mut wall) {
                *wall += send_all(server.address, requests, self.connections, ADMITTED)?;
            }
        }
        let requests = self.measured.iter().map(|part| part.len()).sum::<usize>() as f64;
        let cost = |(index, server): (usize, &Server)| {
            let cpu = cpu_time(server.pid())? - before[index];
            Ok(Cost { cpu_us: cpu.as_secs_f64() * 1e6 / requests, per_second: requests / wall[index].as_secs_f64() })
        };
        servers.iter().enumerate().map(cost).collect()
    }
}

/// User and system time so far, all threads, of a process and its children (nginx's worker), in steps of 10 ms.
fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field may hold blanks. After its `)` come fields 3 and on: utime and stime are 14 and 15 (proc(5)).
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc/PID/stat")?;
    let ticks = fields.split_whitespace().skip(14 - 3).take(2).map(str::parse::<u32>).sum::<std::result::Result<u32, _>>()?;
    let mut total = TICK * ticks;
    for child in fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?.split_whitespace() {
        total += cpu_time(child.parse()?)?;
    }
    Ok(total)
}

/// The one consumer, with the private key that a gateway never sees.
struct Consumer {
    key: SigningKey<Sha1>,
}

impl Consumer {
    fn generate() -> Result<Self> {
        Ok(Self { key: SigningKey::new(RsaPrivateKey::new(&mut OsRng, 2048)?) })
    }

    /// The consumers file.
    fn entry(&self) -> Result<String> {
        let private: &RsaPrivateKey = self.key.as_ref();
        let pem = private.to_public_key().to_public_key_pem(LineEnding::LF)?;
        let pem = pem.replace('\n', "\n      ");
        Ok(format!("consumers:\n  - key: {CONSUMER}\n    name: Benchmark\n    public_key: |\n      {}\n", pem.trim_end()))
    }

    /// That many requests, each with a nonce of its own, signed on all cores (about 1 ms of CPU time each).
    fn sign(&self, count: usize) -> Result<Vec<Vec<u8>>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let indices: Vec<u64> = (0..count as u64).collect();
        let share = count.div_ceil(thread::available_parallelism()?.get());
        Ok(thread::scope(|scope| {
            let signers: Vec<_> = indices
                .chunks(share)
                .map(|chunk| {
                    scope.spawn(move || {
                        let stamped = |index| now + STAMPS_AHEAD + index / REQUESTS_PER_STAMP;
                        chunk.iter().map(|&index| self.request(index, stamped(index))).collect::<Vec<_>>()
                    })
                })
                .collect();
            signers.into_iter().flat_map(|signer| signer.join().expect("signing does not panic")).collect()
        }))
    }

    /// One rendered request. The base string is put together here by hand, apart from the gateway's own code.
    fn request(&self, index: u64, timestamp: u64) -> Vec<u8> {
        let nonce = format!("{:016x}", index.wrapping_mul(0x9e37_79b9_7f4a_7c15)); // An odd factor: no two alike.
        let parameters = format!(
            "jql=project%20%3D%20DEMO&oauth_consumer_key={CONSUMER}&oauth_nonce={nonce}&oauth_signature_method=RSA-SHA1\
             &oauth_timestamp={timestamp}&oauth_version=1.0&startAt=50"
        );
        let base_string = format!("GET&{}&{}", percent(&format!("http://{HOST}{PATH}")), percent(&parameters));
        let signature = percent(&STANDARD.encode(self.key.sign(base_string.as_bytes()).to_bytes()));
        format!(
            "GET {PATH}?jql=project%20%3D%20DEMO&startAt=50 HTTP/1.1\r\n\
             Host: {HOST}\r\n\
             User-Agent: bench\r\n\
             Accept: application/json\r\n\
             Authorization: OAuth oauth_consumer_key=\"{CONSUMER}\", oauth_nonce=\"{nonce}\", oauth_signature=\"{signature}\", \
             oauth_signature_method=\"RSA-SHA1\", oauth_timestamp=\"{timestamp}\", oauth_version=\"1.0\"\r\n\r\n"
        )
        .into_bytes()
    }
}

/// RFC 5849 §3.6.
fn percent(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// How nginx reaches the backend.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NginxUpstream {
    /// `proxy_pass` and nothing else: a connection to the backend for each request, nginx's own default.
    Plain,
    /// Tuned: connections to the backend are kept, as the gateway keeps them.
    Pooled,
}

/// nginx with one worker; stopped through nginx itself, since a killed master would leave its worker behind.
fn start_nginx(binary: &Path, folder: &Path, backend: SocketAddr, upstream: NginxUpstream) -> Result<Server> {
    let address = free_address()?;
    let folder = folder.join(format!("nginx-{}", address.port()));
    fs::create_dir(&folder)?;
    let config = folder.join("nginx.conf");
    fs::write(&config, nginx_config(&folder, address, backend, upstream))?;
    let mut command = Command::new(binary);
    command.arg("-c").arg(&config);
    let mut stop = Command::new(binary);
    stop.arg("-c").arg(&config).args(["-s", "stop"]).stderr(Stdio::null());
    Server::start(command, Some(stop), address, &folder.join("nginx.stderr"))
}

/// The `keepalive_requests` spare nginx the reconnects of clients that its default of 1000 would cost it.
fn nginx_config(folder: &Path, address: SocketAddr, backend: SocketAddr, upstream: NginxUpstream) -> String {
    let folder = folder.display();
    let location = match upstream {
        NginxUpstream::Plain => format!("proxy_pass http://{backend};"),
        NginxUpstream::Pooled => "proxy_pass http://pool; proxy_http_version 1.1; proxy_set_header Connection \"\";".to_owned(),
    };
    format!(
        "daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/nginx-access.log combined;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    keepalive_requests 10000000;
    upstream pool {{
        server {backend};
        keepalive 64;
        keepalive_requests 10000000;
    }}
    server {{
        listen {address};
        location / {{ {location} }}
    }}
}}
"
    )
}

fn find_nginx() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join("nginx"))
        .find(|file| file.is_file())
        .ok_or_else(|| "nginx is missing: apt-get install nginx-light".into())
}

/// This program again, in a process of its own, as the backend; it ends when its standard input does.
struct Backend {
    child: Child,
    address: SocketAddr,
}

impl Backend {
    fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.arg("--backend").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().ok_or("no standard output")?).read_line(&mut address)?;
        Ok(Self { child, address: address.trim().parse()? })
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait(); // Fails only when it has already been waited for.
    }
}

/// Prints the address, then answers every request without a body with the same 1 KiB.
fn serve_backend() -> Result<()> {
    thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]); // An error ends the backend as well as the end does.
        std::process::exit(0);
    });
    let body = "x".repeat(1024);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let answer: Arc<[u8]> = answer.into_bytes().into();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (mut stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut request = Vec::with_capacity(4096);
                while stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {
                    if request.ends_with(b"\r\n\r\n") {
                        request.clear();
                        if stream.write_all(&answer).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    })
}

const CONSUMER: &str = "hardcoded-consumer";
const HOST: &str = "bench.example";
const PATH: &str = "/rest/api/2/search";
const ADMITTED: &[&str] = &["HTTP/1.1 200 "];

/// Requests before each measurement: connections, caches and allocator are then as they stay.
const WARM_UP: usize = 2_000;

/// Turns that each server takes in a round: many, against noise, but not so many that accepting connections is part of the figure.
const TURNS: usize = 10;

/// `USER_HZ` is 100 on every Linux that this runs on.
const TICK: Duration = Duration::from_millis(10);

/// Seconds. The gateway accepts ±300 s: stamps a little ahead last for all rounds.
const STAMPS_AHEAD: u64 = 120;

/// As many requests share a timestamp as a busy gateway sees in a second.
const REQUESTS_PER_STAMP: u64 = 10_000;

/// 300 s of `max_age` and the 120 s ahead, less 30 s for the run itself.
const STAMPS_LAST: Duration = Duration::from_secs(390);
