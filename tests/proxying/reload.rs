//! consumers.yaml changes while requests run.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Backend, Consumer, Gateway, RSA_1024, RSA_2048, RSA_2048_OTHER, by_reporting, eventually, request, signed};

#[test]
fn a_consumer_added_or_removed_is_live_within_a_second() {
    let backend = Backend::start();
    let constant = Consumer::new("constant", &RSA_2048_OTHER);
    let gateway = Gateway::builder().upstream(&backend).consumer(constant.clone()).start();
    let status = || gateway.ask(&signed("new", &RSA_2048)).status;
    assert_eq!(status(), 401);
    let mut times = Vec::new();
    for _ in 0..3 {
        for (consumers, expected) in
            [(vec![constant.clone(), Consumer::new("new", &RSA_2048)], 200), (vec![constant.clone()], 401)]
        {
            let text = Consumer::file(&consumers);
            let start = Instant::now();
            gateway.write_consumers(&text);
            eventually("the change is live", || (status() == expected).then_some(()));
            times.push(start.elapsed());
        }
    }
    times.sort_unstable();
    println!("live after {times:?}");
    // The middle one: a machine that stands still for once breaks no promise, and a gateway that is always late does.
    assert!(times[times.len() / 2] < SOON, "{times:?}");
}

/// Whether a line says what became of reading the consumers.
fn is_outcome(line: &str) -> bool {
    line.contains("the consumers were read again") || line.contains(KEPT_OLD)
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
                    // Requests are to fall into every moment of a reload, not to keep the machine from reloading.
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        }
        // A look at all lines again and again would take longer than the reloads.
        let mut seen = gateway.lines().len();
        let mut write = |text: &str, what: &str| {
            gateway.write_consumers(text);
            eventually(what, || {
                let lines = gateway.lines_after(seen);
                seen += lines.len();
                lines.iter().any(|line| is_outcome(line)).then_some(())
            });
        };
        let expect = |status, what: &str| assert_eq!(gateway.ask(&signed("coming", &RSA_2048)).status, status, "{what}");
        for round in 0..50 {
            // Add, break, mend, remove: each while the others ask. Who asks is edited too.
            let constant = constant.clone().with(&format!("description: round {round}"));
            let coming = Consumer::new("coming", &RSA_2048);
            let both = Consumer::file(&[constant.clone(), coming.clone()]);
            write(&both, "added");
            expect(200, "added");
            write(&both[..both.len() / 2], "broken");
            expect(200, "broken");
            write(&Consumer::file(&[constant.clone(), coming.with("description: mended")]), "mended");
            expect(200, "mended");
            write(&Consumer::file(&[constant]), "removed");
            expect(401, "removed");
        }
        drop(guard);
    });
    let outcomes = gateway.lines().iter().filter(|line| is_outcome(line)).count();
    assert_eq!((outcomes, gateway.count_lines(KEPT_OLD)), (200, 50));
    let asked = asked.load(Ordering::SeqCst);
    assert!(asked > 0);
    let requests = backend.requests();
    assert_eq!(requests.iter().filter(|request| request.target == "/constant").count(), asked);
    assert!(!requests.iter().any(|request| request.target == "/never"));
}

#[test]
fn sighup_reads_the_files_again_and_tells_again_what_is_wrong() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    // At the start nothing is said of files that are as they were.
    let complaints = || gateway.count_lines(KEPT_OLD);
    gateway.signal("HUP");
    gateway.wait_for_line("the consumers were read again and are as they were");
    assert_eq!(gateway.lines().iter().filter(|line| is_outcome(line)).count(), 1, "{:#?}", gateway.lines());
    gateway.write_consumers("consumers: nonsense\n");
    eventually("the complaint", || (complaints() == 1).then_some(()));
    gateway.signal("HUP");
    eventually("the complaint again", || (complaints() == 2).then_some(()));
    assert_eq!(gateway.ask(&by_reporting()).status, 200);
}

#[test]
fn an_edited_configuration_is_live_and_what_needs_a_restart_is_named() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).route("{ path: /page, access: open }").start();
    let status = || gateway.ask(&request().get("/page")).status;
    assert_eq!(status(), 200);
    let file = gateway.folder().join("countersign.yaml");
    let edit = |from: &str, to: &str| {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&file, text.replace(from, to)).unwrap();
    };
    let mut times = Vec::new();
    for (from, to, expected) in [("access: open", "access: deny", 403), ("access: deny", "access: open", 200)].repeat(2) {
        let start = Instant::now();
        edit(from, to);
        eventually("the edited rule is live", || (status() == expected).then_some(()));
        times.push(start.elapsed());
    }
    times.sort_unstable();
    assert!(times[1] < SOON, "{times:?}");

    edit("listen: 127.0.0.1:0", "listen: 127.0.0.1:1");
    let line = gateway.wait_for_line("these settings changed and are taken at the next start");
    assert!(line.contains("\"settings\":\"listen\""), "{line}");
    assert_eq!(status(), 200, "it still listens where it did");
}

#[test]
fn a_file_without_permissions_keeps_the_old_consumers() {
    use std::os::unix::fs::PermissionsExt;
    let backend = Backend::start();
    let consumer = Consumer::new("old", &RSA_2048);
    let mut builder = Gateway::builder().upstream(&backend).consumer(consumer);
    // Root may read every file, as long as it has these two capabilities; nobody else has them.
    let probe = tempfile::NamedTempFile::new().unwrap();
    std::fs::set_permissions(probe.path(), std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(probe.path()).is_ok() {
        let without = "-dac_override,-dac_read_search";
        builder = builder.through(&["setpriv", "--inh-caps", without, "--bounding-set", without]);
    }
    let gateway = builder.start();
    let mode = |mode| std::fs::set_permissions(gateway.consumers_file(), std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o000);
    let line = gateway.wait_for_line("can't be read: Permission denied");
    assert!(line.contains("consumers.yaml"), "{line}");
    gateway.wait_for_line("the gateway goes on with those that it has");
    assert_eq!(gateway.ask(&signed("old", &RSA_2048)).status, 200);
    mode(0o600);
    gateway.wait_for_line("the consumers were read again and are as they were");
    gateway.write_consumers("consumers: []\n");
    eventually("the next list is taken", || (gateway.ask(&signed("old", &RSA_2048)).status == 401).then_some(()));
}

/// The promise is one second, and it is for the program as it is installed. Without optimisation, and on a busy machine, this only
/// says that it does not take much longer.
const SOON: Duration = if cfg!(debug_assertions) { Duration::from_secs(5) } else { Duration::from_secs(1) };

const KEPT_OLD: &str = "the consumers can't be read";

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
