//! `countersign reload`, which is the unit's ExecReload: it says what became of the reload, and fails if the old list stays.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Backend, Consumer, Gateway, RSA_1024, RSA_2048, by_reporting, eventually, signed};

/// Exit code, standard output and standard error.
fn reload(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    let output = command.arg("reload").args(arguments).env_remove("STATE_DIRECTORY").stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn reload_in(folder: &Path) -> (Option<i32>, String, String) {
    reload(&["--config", folder.join("countersign.yaml").to_str().unwrap()])
}

#[test]
fn when_it_returns_0_the_new_list_is_live() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    for round in 0..20 {
        let key = format!("consumer-{round}");
        // Written in place, and asked for at once: the watch would still wait for the end of the writing.
        std::fs::write(gateway.consumers_file(), Consumer::file(&[Consumer::new(&key, &RSA_1024)])).unwrap();
        let (code, said, problems) = reload_in(gateway.folder());
        assert_eq!(code, Some(0), "{said}{problems}");
        assert!(said.ends_with("consumers  1\n"), "{said}");
        let name: &'static str = Box::leak(key.into_boxed_str());
        assert_eq!(gateway.ask(&signed(name, &RSA_1024)).status, 200);
    }
    assert_eq!(gateway.ask(&by_reporting()).status, 401);
}

#[test]
fn a_broken_consumers_file_fails_with_its_line_and_the_old_list_stays() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    gateway.write_consumers("consumers:\n  - key: a\n    name: A\n    public_key: garbage\n");
    for _ in 0..2 {
        let (code, said, problems) = reload_in(gateway.folder());
        assert_eq!((code, said.as_str()), (Some(1), ""));
        let place = format!("error: {}:4: ", gateway.consumers_file().display());
        assert!(problems.starts_with("error: the gateway goes on with what it had\n"), "{problems}");
        assert!(problems.contains(&place) && problems.contains("hint: mend these lines"), "{problems}");
        assert_eq!(gateway.ask(&by_reporting()).status, 200);
    }
    gateway.write_consumers(&Consumer::file(&[Consumer::new("reporting", &RSA_2048)]));
    assert_eq!(reload_in(gateway.folder()).0, Some(0));
}

#[test]
fn a_broken_configuration_fails_with_its_line() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let config = gateway.folder().join("countersign.yaml");
    let good = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{good}nonsense: 1\n")).unwrap();
    let place = format!("{}:{}: ", config.display(), good.lines().count() + 1);
    // By the file itself, and by the gateway that is asked to read it.
    let state = gateway.folder().join("state");
    for (code, _, problems) in [reload_in(gateway.folder()), reload(&["--state", state.to_str().unwrap()])] {
        assert_eq!(code, Some(1), "{problems}");
        assert!(problems.contains(&place) && problems.contains("goes on with what it had"), "{problems}");
    }
    assert_eq!(gateway.ask(&by_reporting()).status, 200);
}

#[test]
fn settings_that_take_a_restart_are_named() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let config = gateway.folder().join("countersign.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("threads: 2", "threads: 3")).unwrap();
    let (code, said, _) = reload_in(gateway.folder());
    assert_eq!(code, Some(0));
    assert!(said.ends_with("taken at the next start: threads\nconsumers  1\n"), "{said}");
}

#[test]
fn a_script_gets_json() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let state = gateway.folder().join("state");
    let ask = || {
        let (code, said, _) = reload(&["--state", state.to_str().unwrap(), "--json"]);
        (code, serde_json::from_str::<serde_json::Value>(&said).unwrap())
    };
    let (code, verdict) = ask();
    assert_eq!((code, &verdict["ok"], &verdict["consumers"]), (Some(0), &true.into(), &1.into()), "{verdict}");
    assert_eq!(verdict["process"], gateway.pid());
    gateway.write_consumers("consumers: 7\n");
    let (code, verdict) = ask();
    assert_eq!((code, &verdict["ok"]), (Some(1), &false.into()), "{verdict}");
    assert_eq!(verdict["problems"].as_array().unwrap().len(), 1, "{verdict}");
}

#[test]
fn without_a_running_gateway_it_fails() {
    let backend = Backend::start();
    let folder = Gateway::builder().upstream(&backend).write();
    let never = reload_in(folder.path());
    let mut gateway = Gateway::in_front_of(&backend);
    gateway.signal("KILL");
    gateway.wait_for_exit();
    for (code, said, problems) in [never, reload_in(gateway.folder())] {
        assert_eq!((code, said.as_str()), (Some(1), ""));
        assert!(problems.starts_with("error: no gateway runs on the state directory "), "{problems}");
    }
}

#[test]
fn a_gateway_that_does_not_answer_is_waited_for_no_longer_than_told() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    assert_eq!(reload_in(gateway.folder()).0, Some(0), "an old verdict is there");
    gateway.signal("STOP");
    let (code, _, problems) = reload(&["--state", gateway.folder().join("state").to_str().unwrap(), "--wait", "1"]);
    gateway.signal("CONT");
    assert_eq!(code, Some(1));
    assert!(problems.contains("did not say within 1 s what became of it"), "{problems}");
}

#[test]
fn many_at_once_each_get_a_verdict_of_their_own_time() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| reload_in(gateway.folder()))).collect();
        for one in all {
            let (code, _, problems) = one.join().unwrap();
            assert_eq!(code, Some(0), "{problems}");
        }
    });
    eventually("the gateway serves", || (gateway.ask(&by_reporting()).status == 200).then_some(()));
}

#[test]
fn a_process_that_the_lock_file_names_and_that_does_not_hold_it_is_not_signalled() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    // SIGHUP ends a program that does not handle it; whoever runs this under nohup(1) has the signal ignored.
    let mut other = Command::new("env").args(["--default-signal=HUP", "sleep", "1000"]).spawn().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", other.id())).unwrap();
    let started = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().to_owned();
    let lock = gateway.folder().join("state/lock");
    let written = std::fs::read_to_string(&lock).unwrap();
    std::fs::write(&lock, format!("{} {started}\n", other.id())).unwrap();
    let (code, said, problems) = reload_in(gateway.folder());
    assert_eq!((code, said.as_str()), (Some(1), ""));
    assert!(problems.contains("does not hold its lock"), "{problems}");
    assert!(other.try_wait().unwrap().is_none(), "it was signalled");
    other.kill().unwrap();
    other.wait().unwrap();
    std::fs::write(&lock, written).unwrap();
    assert_eq!(reload_in(gateway.folder()).0, Some(0));
}
