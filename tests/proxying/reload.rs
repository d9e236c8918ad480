//! consumers.yaml changes while requests run.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Backend, Consumer, Gateway, RSA_1024, RSA_2048, RSA_2048_OTHER, eventually, signed};

#[test]
fn a_consumer_added_or_removed_is_live_within_a_second() {
    let backend = Backend::start();
    let constant = Consumer::new("constant", &RSA_2048_OTHER);
    let gateway = Gateway::builder().upstream(&backend).consumer(constant.clone()).start();
    let status = || gateway.ask(&signed("new", &RSA_2048)).status;
    assert_eq!(status(), 401);
    let mut slowest = Duration::ZERO;
    for _ in 0..3 {
        for (consumers, expected) in
            [(vec![constant.clone(), Consumer::new("new", &RSA_2048)], 200), (vec![constant.clone()], 401)]
        {
            gateway.write_consumers(&Consumer::file(&consumers));
            let start = Instant::now();
            eventually("the change is live", || (status() == expected).then_some(()));
            slowest = slowest.max(start.elapsed());
        }
    }
    // Promised is one second; the machine may be busy with other tests.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
}

#[test]
fn a_broken_consumers_file_keeps_the_old_consumers() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).consumer(Consumer::new("old", &RSA_2048)).start();
    let twice = Consumer::file(&[Consumer::new("old", &RSA_2048), Consumer::new("old", &RSA_2048_OTHER)]);
    let broken = [
        "",
        "consumers:\n",
        "consumers: null\n",
        "nothing: []\n",
        "[",
        "{}",
        "consumers: [{ key: a }]",
        "consumers: 7\n",
        "\0\0",
        &twice,
        "consumers:\n  - key: old\n    name: x\n    public_key: garbage\n",
        "consumers: []\nconsumers: []\n",
    ];
    for text in broken {
        let problems = || gateway.lines().iter().filter(|line| line.contains("\"ERROR\"") || line.contains("\"WARN\"")).count();
        let before = problems();
        gateway.write_consumers(text);
        eventually(&format!("{text:?} is complained about"), || (problems() > before).then_some(()));
        assert_eq!(gateway.ask(&signed("old", &RSA_2048)).status, 200, "{text:?}");
    }
    std::fs::remove_file(gateway.consumers_file()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(gateway.ask(&signed("old", &RSA_2048)).status, 200, "no file at all");
    // An empty list is a list.
    gateway.write_consumers("consumers: []\n");
    eventually("nobody is left", || (gateway.ask(&signed("old", &RSA_2048)).status == 401).then_some(()));
    gateway.write_consumers(&Consumer::file(&[Consumer::new("old", &RSA_2048)]));
    eventually("back again", || (gateway.ask(&signed("old", &RSA_2048)).status == 200).then_some(()));
}

#[test]
fn two_hundred_reloads_lose_and_falsify_nothing() {
    let backend = Backend::start();
    let constant = Consumer::new("constant", &RSA_1024);
    let gateway = Gateway::builder().upstream(&backend).consumer(constant.clone()).start();
    let (over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let guard = SetOnDrop(&over);
        for _ in 0..2 {
            scope.spawn(|| {
                let mut client = gateway.client();
                while !over.load(Ordering::SeqCst) {
                    let answer = client.ask(signed("constant", &RSA_1024).get("/constant").bytes());
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    let answer = client.ask(signed("never", &RSA_1024).get("/never").bytes());
                    assert_eq!(answer.status, 401);
                    asked.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for round in 0..50 {
            let coming = Consumer::new("coming", &RSA_2048);
            let both = Consumer::file(&[constant.clone(), coming.clone()]);
            // Add, break, mend, remove: each while the others ask.
            gateway.write_consumers(&both);
            eventually("added", || (gateway.ask(&signed("coming", &RSA_2048)).status == 200).then_some(()));
            gateway.write_consumers(&both[..both.len() / 2]);
            assert_eq!(gateway.ask(&signed("coming", &RSA_2048)).status, 200, "round {round}: broken");
            gateway.write_consumers(&Consumer::file(&[constant.clone(), coming.with("description: mended")]));
            assert_eq!(gateway.ask(&signed("coming", &RSA_2048)).status, 200, "round {round}: mended");
            gateway.write_consumers(&Consumer::file(std::slice::from_ref(&constant)));
            eventually("removed", || (gateway.ask(&signed("coming", &RSA_2048)).status == 401).then_some(()));
        }
        drop(guard);
    });
    let asked = asked.load(Ordering::SeqCst);
    assert!(asked > 0);
    let requests = backend.requests();
    assert_eq!(requests.iter().filter(|request| request.target == "/constant").count(), asked);
    assert!(!requests.iter().any(|request| request.target == "/never"));
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
