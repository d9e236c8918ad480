//! Of many at once one gets it.

use std::sync::Barrier;

use crate::form::Form;
use crate::site::{Given, Owner, REPORTING, Site, authorize};
use crate::support::{Response, Signing};

const AT_ONCE: usize = 64;

/// The answers to requests that are sent at the same moment, each on a connection of its own.
fn at_once(site: &Site, requests: &[Signing]) -> Vec<Response> {
    let barrier = Barrier::new(requests.len());
    let ask = |request: &Signing| {
        let (mut client, bytes) = (site.gateway.client(), request.bytes());
        barrier.wait();
        client.ask(bytes)
    };
    std::thread::scope(|scope| {
        let ask = &ask;
        let threads: Vec<_> = requests.iter().map(|request| scope.spawn(move || ask(request))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// One of the answers is good, and its token is; all others have one of these problems.
#[track_caller]
fn one_was_given(site: &Site, answers: &[Response], problems: &[&str]) -> Given {
    let (given, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(given.len(), 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    for answer in refused {
        let problem = answer.problem().unwrap_or_default();
        assert!(answer.status == 401 && problems.contains(&&*problem), "{}: {}", answer.status, answer.text());
    }
    let given = Given::of(given[0]);
    assert_eq!(site.call(&given.token).status, 200);
    given
}

#[test]
fn of_64_exchanges_at_once_one_gets_the_token() {
    let site = Site::start();
    for _ in 0..3 {
        let token = site.request_token().token;
        let verifier = site.alice().allows(&token);
        let exchanges: Vec<_> = (0..AT_ONCE).map(|_| REPORTING.exchange(&token, &verifier)).collect();
        one_was_given(&site, &at_once(&site, &exchanges), &["token_used", "token_rejected"]);
    }
}

#[test]
fn of_64_renewals_at_once_one_gets_the_token() {
    let site = Site::start();
    let mut given = site.access_token();
    for _ in 0..3 {
        let renewals: Vec<_> = (0..AT_ONCE).map(|_| REPORTING.renewal(&given.token, &given.session_handle)).collect();
        given = one_was_given(&site, &at_once(&site, &renewals), &["token_rejected"]);
    }
}

#[test]
fn of_64_guesses_at_once_five_are_judged() {
    let site = Site::start();
    let token = site.request_token().token;
    let verifier = site.alice().allows(&token);
    let guesses: Vec<_> = (0..AT_ONCE).map(|number| REPORTING.exchange(&token, &format!("guess{number}"))).collect();
    for answer in at_once(&site, &guesses) {
        assert_eq!((answer.status, answer.problem().as_deref()), (401, Some("token_rejected")), "{}", answer.text());
    }
    site.refuses((401, "token_rejected"), "the right one, too late", &REPORTING.exchange(&token, &verifier));
}

#[test]
fn of_two_decisions_at_once_one_counts() {
    let site = Site::start();
    for _ in 0..8 {
        let token = site.request_token().token;
        // Two users at once, one of whom is led to a page that was meant for the other.
        let mut owners: Vec<(Owner, Form)> = ["alice", "mallory"]
            .map(|name| {
                let mut owner = site.user(name);
                let form = Form::with(&owner.opens(&token).text(), "name=\"decision\"");
                (owner, form)
            })
            .into_iter()
            .collect();
        let barrier = Barrier::new(owners.len());
        let answers: Vec<Response> = std::thread::scope(|scope| {
            let (barrier, token) = (&barrier, &token);
            let threads: Vec<_> = owners
                .iter_mut()
                .map(|(owner, form)| {
                    scope.spawn(move || {
                        barrier.wait();
                        owner.post(&authorize(token), &form.fields(&[("decision", "allow")]))
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let verifiers: Vec<_> = answers.iter().filter_map(|answer| answer.field("location")).collect();
        assert_eq!(verifiers.len(), 1, "{answers:?}");
        let winner = answers.iter().position(|answer| answer.status == 303).unwrap();
        let verifier = crate::site::called_back(&answers[winner], &token);
        let given = Given::of(&site.exchange(&token, &verifier));
        assert_eq!(site.call(&given.token).status, 200);
        assert_eq!(site.backend.last_request().spellings_of("x-forwarded-user"), [["alice", "mallory"][winner]]);
    }
}
