//! Memory of the gateway with many consumers: resident and peak size once each of them has been verified, and the time to serve.
//!
//! The public keys are random numbers of the right form and the signatures are wrong: the gateway reads a key of real size for each
//! consumer and does one RSA operation with it, and nobody has to make that many key pairs.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use rsa::pkcs8::{EncodePublicKey, LineEnding};
use rsa::rand_core::{OsRng, RngCore};
use rsa::{BigUint, RsaPublicKey};

use rig::{Result, Server, free_address, send_all};

mod rig;

#[derive(Parser)]
#[command(about = "Memory of the gateway with many consumers")]
struct Options {
    /// The gateway's binary.
    #[arg(long, default_value = "target/release/countersign")]
    gateway: PathBuf,
    #[arg(long, default_value_t = 100_000)]
    consumers: usize,
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Given by `cargo bench` but not by `cargo test`, which is not to start a measurement.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    rig::exit_code(if options.bench { measure(&options) } else { rig::not_measured("memory") })
}

fn measure(options: &Options) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = consumers_file(options.consumers)?;
    println!("{} consumers, {:.1} MiB of YAML", options.consumers, file.len() as f64 / MIB);
    fs::create_dir(folder.path().join("lists"))?;
    fs::write(folder.path().join("lists/consumers.yaml"), file)?;

    // Nothing is let through, so nothing needs to listen there.
    let gateway = Server::gateway(&options.gateway, folder.path(), free_address()?, options.threads)?;
    println!("start to first answer: {:.2} s", gateway.answered_after.as_secs_f64());
    print_memory("loaded", &gateway)?;

    let wall = send_all(gateway.address, &requests(options.consumers)?, CONNECTIONS, REFUSED)?;
    println!("one wrong signature each: {:.1} s", wall.as_secs_f64());
    print_memory("verified once each", &gateway)
}

fn print_memory(when: &str, gateway: &Server) -> Result<()> {
    let mib = |field| Result::Ok(gateway.memory_kib(field)? as f64 * 1024.0 / MIB);
    println!("{when}: VmRSS {:.1} MiB, VmHWM {:.1} MiB", mib("VmRSS")?, mib("VmHWM")?);
    Ok(())
}

/// `consumers.yaml` with a 2048-bit key for each, made on all cores.
fn consumers_file(count: usize) -> Result<String> {
    let small_primes: Vec<u32> = (3..SMALL).filter(|n| (2..*n).all(|divisor| n % divisor != 0)).collect();
    let indices: Vec<usize> = (0..count).collect();
    let share = count.div_ceil(thread::available_parallelism()?.get());
    let entries = thread::scope(|scope| {
        let writers: Vec<_> = indices
            .chunks(share)
            .map(|chunk| scope.spawn(|| chunk.iter().map(|&index| entry(index, &small_primes)).collect::<Result<String>>()))
            .collect();
        writers.into_iter().map(|writer| writer.join().expect("writing does not panic")).collect::<Result<String>>()
    })?;
    Ok(format!("consumers:\n{entries}"))
}

fn entry(index: usize, small_primes: &[u32]) -> Result<String> {
    let key = RsaPublicKey::new(modulus(small_primes), BigUint::from(65_537_u32))?;
    let pem = key.to_public_key_pem(LineEnding::LF)?.trim_end().replace('\n', "\n      ");
    Ok(format!("  - key: {}\n    name: Consumer {index}\n    public_key: |\n      {pem}\n", consumer_key(index)))
}

/// A random odd number of exactly 2048 bits without small factors: what a look at a public key can tell of a modulus.
fn modulus(small_primes: &[u32]) -> BigUint {
    loop {
        let mut bytes = [0; 2048 / 8];
        OsRng.fill_bytes(&mut bytes);
        bytes[0] |= 0x80;
        bytes[2048 / 8 - 1] |= 1;
        let modulus = BigUint::from_bytes_be(&bytes);
        if small_primes.iter().all(|&prime| &modulus % prime != BigUint::default()) {
            return modulus;
        }
    }
}

/// One request for each consumer, with a signature as long as the modulus and below it, and wrong.
fn requests(count: usize) -> Result<Arc<[Vec<u8>]>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let signature = STANDARD.encode([0x55; 2048 / 8]).replace('=', "%3D");
    let request = |index| {
        format!(
            "GET /rest/api/2/search?startAt=50 HTTP/1.1\r\n\
             Host: bench.example\r\n\
             Authorization: OAuth oauth_consumer_key=\"{}\", oauth_nonce=\"{index}\", oauth_signature=\"{signature}\", \
             oauth_signature_method=\"RSA-SHA1\", oauth_timestamp=\"{now}\", oauth_version=\"1.0\"\r\n\r\n",
            consumer_key(index)
        )
        .into_bytes()
    };
    Ok((0..count).map(request).collect())
}

fn consumer_key(index: usize) -> String {
    format!("consumer-{index:06}")
}

const MIB: f64 = 1024.0 * 1024.0;
const CONNECTIONS: usize = 32;
const REFUSED: &[&str] = &["HTTP/1.1 401 ", "signature_invalid"];

/// No modulus has a prime factor below this.
const SMALL: u32 = 1000;
