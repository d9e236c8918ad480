//! For tests: random operations on the store, beside a model that is too simple to be wrong.

use proptest::prelude::*;

use super::desk::{Desk, LIFETIMES, key};
use super::ending::purge;
use super::exchange::VERIFIER_TRIES;
use super::model::{Decision, Revision, Selection, TokenCredentials, TokenId};
use super::problem::TokenProblem;
use super::{cleanup, desk, revocation};

#[derive(Debug, Clone)]
enum Step {
    Begin { consumer: usize },
    Decide { at: usize, user: Option<usize> },
    Exchange { at: usize, consumer: usize, verifier: Sent },
    Renew { at: usize, consumer: usize, handle: Sent },
    Revoke { at: Option<usize>, consumer: Option<usize>, user: Option<usize> },
    Withdraw { at: usize, user: usize },
    Purge { consumer: usize },
    Pass { seconds: u64 },
    CleanUp,
    Restart,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Sent {
    Right,
    Wrong,
    None,
}

#[derive(Debug)]
struct Temporary {
    token: String,
    consumer: &'static str,
    expires: u64,
    verifier: String,
    user: &'static str,
    wrong: u32,
    /// What an exchange says, if it is for the right consumer, in time and with the right verifier.
    stands: Result<(), TokenProblem>,
    is_gone: bool,
}

#[derive(Debug)]
struct Access {
    id: TokenId,
    token: String,
    handle: String,
    consumer: &'static str,
    user: &'static str,
    expires: u64,
    session_expires: u64,
    /// With when that was.
    ended: Option<(TokenProblem, u64)>,
    is_gone: bool,
}

const CONSUMERS: [&str; 2] = ["a", "b"];
const USERS: [&str; 2] = ["ada", "bob"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (one, some) = (0..2usize, || proptest::option::of(0..2usize));
    let at = || 0..8usize;
    let sent = || prop_oneof![4 => Just(Sent::Right), 2 => Just(Sent::Wrong), 1 => Just(Sent::None)];
    let step = prop_oneof![
        4 => one.clone().prop_map(|consumer| Step::Begin { consumer }),
        4 => (at(), prop_oneof![3 => Just(Some(0)), 1 => some()]).prop_map(|(at, user)| Step::Decide { at, user }),
        6 => (at(), one.clone(), sent()).prop_map(|(at, consumer, verifier)| Step::Exchange { at, consumer, verifier }),
        3 => (at(), one.clone(), sent()).prop_map(|(at, consumer, handle)| Step::Renew { at, consumer, handle }),
        1 => (proptest::option::of(at()), some(), some()).prop_map(|(at, consumer, user)| Step::Revoke { at, consumer, user }),
        1 => (at(), one.clone()).prop_map(|(at, user)| Step::Withdraw { at, user }),
        1 => one.prop_map(|consumer| Step::Purge { consumer }),
        3 => prop_oneof![Just(1), Just(200), Just(599), Just(3000), Just(86_400), Just(31 * 86_400)]
            .prop_map(|seconds| Step::Pass { seconds }),
        2 => Just(Step::CleanUp),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..60)
}

struct Model {
    desk: Desk,
    now: u64,
    temporary: Vec<Temporary>,
    access: Vec<Access>,
}

impl Model {
    fn take(&mut self, step: Step) {
        match step {
            Step::Begin { consumer } => self.begin(CONSUMERS[consumer]),
            Step::Decide { at, user } if at < self.temporary.len() => self.decide(at, user.map(|user| USERS[user])),
            Step::Exchange { at, consumer, verifier } if at < self.temporary.len() => {
                self.exchange(at, CONSUMERS[consumer], verifier);
            }
            Step::Renew { at, consumer, handle } if at < self.access.len() => self.renew(at, CONSUMERS[consumer], handle),
            Step::Revoke { at, consumer, user } => self.revoke(at, consumer.map(|at| CONSUMERS[at]), user.map(|at| USERS[at])),
            Step::Withdraw { at, user } if at < self.access.len() => self.withdraw(at, USERS[user]),
            Step::Purge { consumer } => self.purge(CONSUMERS[consumer]),
            Step::Pass { seconds } => {
                self.desk.clock.advance(seconds);
                self.now += seconds;
            }
            Step::CleanUp => self.clean_up(),
            Step::Restart => self.desk = self.desk.another(),
            Step::Decide { .. } | Step::Exchange { .. } | Step::Renew { .. } | Step::Withdraw { .. } => {}
        }
    }

    fn begin(&mut self, consumer: &'static str) {
        let token = self.desk.try_begin(consumer, Revision::OneA).unwrap();
        let expires = self.now + LIFETIMES.request_token.as_secs();
        let (verifier, user, stands) = (String::new(), "", Err(TokenProblem::Undecided));
        self.temporary.push(Temporary { token, consumer, expires, verifier, user, wrong: 0, stands, is_gone: false });
    }

    fn decide(&mut self, at: usize, user: Option<&'static str>) {
        let temporary = &mut self.temporary[at];
        let decision = user.map_or(Decision::Deny, |user| Decision::Allow { user: user.to_owned() });
        let decided = self.desk.decide(&temporary.token, &decision);
        let expected = match temporary.stands {
            _ if temporary.is_gone => Err(TokenProblem::Unknown),
            Err(TokenProblem::Undecided) if temporary.expires <= self.now => Err(TokenProblem::Expired),
            Err(TokenProblem::Undecided) => Ok(user.is_some()),
            _ => Err(TokenProblem::Used),
        };
        assert_eq!(decided.as_ref().map(Option::is_some).map_err(|problem| *problem), expected);
        if let Ok(verifier) = decided {
            temporary.stands = user.map(drop).ok_or(TokenProblem::Denied);
            (temporary.user, temporary.verifier) = (user.unwrap_or_default(), verifier.unwrap_or_default());
        }
    }

    fn exchange(&mut self, at: usize, consumer: &'static str, sent: Sent) {
        let temporary = &mut self.temporary[at];
        let verifier = match sent {
            Sent::Right => Some(temporary.verifier.as_str()),
            Sent::Wrong => Some("wrong"),
            Sent::None => None,
        };
        let given = self.desk.exchange(&temporary.token, consumer, verifier);
        let expected = match temporary.stands {
            _ if temporary.is_gone => Err(TokenProblem::Unknown),
            _ if temporary.consumer != consumer => Err(TokenProblem::OfAnotherConsumer),
            Err(TokenProblem::Used) => Err(TokenProblem::Used),
            _ if temporary.expires <= self.now => Err(TokenProblem::Expired),
            Err(problem) => Err(problem),
            Ok(()) if sent == Sent::None => Err(TokenProblem::VerifierAbsent),
            Ok(()) if sent == Sent::Right => Ok(()),
            Ok(()) => {
                temporary.wrong += 1;
                if temporary.wrong == VERIFIER_TRIES {
                    temporary.stands = Err(TokenProblem::TooManyTries);
                    Err(TokenProblem::TooManyTries)
                } else {
                    Err(TokenProblem::WrongVerifier { tries_left: VERIFIER_TRIES - temporary.wrong })
                }
            }
        };
        assert_eq!(given.as_ref().map(drop).map_err(|problem| *problem), expected);
        if let Ok(given) = given {
            temporary.stands = Err(TokenProblem::Used);
            let user = temporary.user;
            self.note(&given, consumer, user);
        }
    }

    fn note(&mut self, given: &TokenCredentials, consumer: &'static str, user: &'static str) {
        assert_eq!((given.token.consumer.as_str(), &*given.token.user), (consumer, user));
        self.access.push(Access {
            id: given.token.id,
            token: given.issued.token.reveal().to_owned(),
            handle: given.session_handle.reveal().to_owned(),
            consumer,
            user,
            expires: self.now + LIFETIMES.access_token.as_secs(),
            session_expires: self.now + LIFETIMES.session.as_secs(),
            ended: None,
            is_gone: false,
        });
    }

    fn renew(&mut self, at: usize, consumer: &'static str, sent: Sent) {
        let access = &mut self.access[at];
        let handle = match sent {
            Sent::Right => Some(access.handle.as_str()),
            Sent::Wrong => Some("wrong"),
            Sent::None => None,
        };
        let given = self.desk.renew(&access.token, consumer, handle);
        let expected = match access.ended {
            _ if access.is_gone => Err(TokenProblem::Unknown),
            _ if access.consumer != consumer => Err(TokenProblem::OfAnotherConsumer),
            Some((TokenProblem::Expired, _)) => Err(TokenProblem::SessionOver),
            Some((problem, _)) => Err(problem),
            None if access.session_expires <= self.now => Err(TokenProblem::SessionOver),
            None => match sent {
                Sent::Right => Ok(()),
                Sent::Wrong => Err(TokenProblem::WrongSessionHandle),
                Sent::None => Err(TokenProblem::SessionHandleAbsent),
            },
        };
        assert_eq!(given.as_ref().map(drop).map_err(|problem| *problem), expected);
        if let Ok(given) = given {
            access.ended = Some((TokenProblem::Renewed, self.now));
            let user = access.user;
            self.note(&given, consumer, user);
        }
    }

    fn revoke(&mut self, at: Option<usize>, consumer: Option<&str>, user: Option<&str>) {
        let id = at.and_then(|at| self.access.get(at)).map(|access| access.id);
        let which = Selection { id, consumer: consumer.map(key), user: user.map(str::to_owned) };
        let revoked = self.desk.operations.write(|writing, now| Ok(revocation::revoke(writing, &which, now)?));
        let revoked = desk::problem(revoked).unwrap();
        let denied = self.deny(id, consumer, user);
        assert_eq!(revoked.request_tokens, denied);
        let revoked: Vec<_> = revoked.tokens.iter().map(|token| token.id).collect();
        let now = self.now;
        let fits = |access: &&mut Access| {
            id.is_none_or(|id| id == access.id)
                && consumer.is_none_or(|consumer| consumer == access.consumer)
                && user.is_none_or(|user| user == access.user)
        };
        let is_live = |access: &&mut Access| !access.is_gone && access.ended.is_none() && now < access.session_expires;
        let end = |access: &mut Access| {
            access.ended = Some((TokenProblem::Revoked, now));
            access.id
        };
        let expected: Vec<_> = self.access.iter_mut().filter(is_live).filter(fits).map(end).collect();
        assert_eq!(revoked, expected);
    }

    fn withdraw(&mut self, at: usize, user: &str) {
        let (now, access) = (self.now, &mut self.access[at]);
        let (id, consumer) = (access.id, access.consumer);
        let withdrawn = self.desk.operations.write(|writing, now| Ok(revocation::withdraw(writing, id, user, now)?));
        let withdrawn = desk::problem(withdrawn).unwrap();
        let is_good = !access.is_gone && access.ended.is_none() && now < access.session_expires && access.user == user;
        assert!(withdrawn.tokens.iter().map(|token| token.id).eq(is_good.then_some(id)));
        if is_good {
            access.ended = Some((TokenProblem::Revoked, now));
        }
        let denied = if is_good { self.deny(None, Some(consumer), Some(user)) } else { 0 };
        assert_eq!(withdrawn.request_tokens, denied);
    }

    /// What was begun ends with what is revoked, but for one that is named by its number.
    fn deny(&mut self, id: Option<TokenId>, consumer: Option<&str>, user: Option<&str>) -> usize {
        let now = self.now;
        let is_waiting = |of: &&mut Temporary| !of.is_gone && now < of.expires;
        let fits = |of: &&mut Temporary| match of.stands {
            Ok(()) => user.is_none_or(|user| user == of.user),
            Err(TokenProblem::Undecided) => user.is_none(),
            Err(_) => false,
        };
        let all = self.temporary.iter_mut().filter(|_| id.is_none()).filter(is_waiting).filter(fits);
        let of_consumer = all.filter(|of| consumer.is_none_or(|consumer| consumer == of.consumer));
        of_consumer.map(|of| of.stands = Err(TokenProblem::Denied)).count()
    }

    fn purge(&mut self, consumer: &str) {
        desk::problem(self.desk.operations.write(|writing, now| Ok(purge(writing, consumer, now)?))).unwrap();
        self.temporary.iter_mut().filter(|of| of.consumer == consumer).for_each(|of| of.is_gone = true);
        self.access.iter_mut().filter(|of| of.consumer == consumer).for_each(|of| of.is_gone = true);
    }

    fn clean_up(&mut self) {
        self.desk.clean_up();
        let is_over = |since: u64, kept_for: i64| since + kept_for.unsigned_abs() <= self.now;
        for access in &mut self.access {
            if access.ended.is_none() && access.session_expires <= self.now {
                access.ended = Some((TokenProblem::Expired, access.session_expires));
            }
            access.is_gone |= access.ended.is_some_and(|(_, since)| is_over(since, cleanup::ENDED_KEPT_FOR));
        }
        for temporary in &mut self.temporary {
            temporary.is_gone |= is_over(temporary.expires, cleanup::TEMPORARY_KEPT_FOR);
        }
    }

    /// Everything that is known, as the request path sees it.
    fn check(&self) {
        for consumer in CONSUMERS {
            for temporary in &self.temporary {
                let expected = match temporary.consumer {
                    _ if temporary.is_gone => TokenProblem::Unknown,
                    of if of != consumer => TokenProblem::OfAnotherConsumer,
                    _ => TokenProblem::RequestTokenAsAccessToken,
                };
                assert_eq!(self.desk.access(&temporary.token, consumer).unwrap_err(), expected);
            }
            for access in &self.access {
                let expected = match access.ended {
                    _ if access.is_gone => Err(TokenProblem::Unknown),
                    _ if access.consumer != consumer => Err(TokenProblem::OfAnotherConsumer),
                    Some((problem, _)) => Err(problem),
                    None if access.expires <= self.now => Err(TokenProblem::Expired),
                    None => Ok(access.id),
                };
                assert_eq!(self.desk.access(&access.token, consumer).map(|token| token.id), expected);
            }
        }
        let listed = self.desk.index.list(&Selection::default(), self.desk.now(), usize::MAX);
        let is_live = |of: &&Access| !of.is_gone && of.ended.is_none() && self.now < of.session_expires;
        assert!(listed.iter().map(|token| token.id).eq(self.access.iter().filter(is_live).map(|of| of.id)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_the_store_says_what_the_model_says(steps in steps()) {
        let mut model = Model { desk: Desk::new(), now: desk::START, temporary: Vec::new(), access: Vec::new() };
        for step in steps {
            model.take(step);
            model.check();
        }
    }
}
