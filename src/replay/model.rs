//! A model of the nonce commit, explored over all interleavings: commits, sweep and heartbeat, one step at a time in any
//! order, and `kill -9` between any two steps, followed by a restart and the same requests again.
//!
//! A step is what the code does in one piece: under one lock, by one atomic, with one system call. The model is of one bucket
//! and says nothing of clocks, shares and damaged files; a restart is one step. That it can fail is tested too: each wrong
//! order that [`Mistake`] names is found out.

use std::collections::HashSet;

/// A wrong order of the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    /// The request goes out, then its nonce is written.
    ForwardedBeforeWritten,
    /// The file's end is not held while a nonce is judged.
    EndNotHeld,
    /// The file's end is let go before the nonce counts as used.
    EndLetGoBeforeUsed,
    /// A nonce counts as used, then it is written, or is taken out again.
    UsedBeforeWritten,
    /// A bucket leaves the table, then the low-water mark is raised.
    DroppedBeforeRaised,
    /// A file is deleted, then the mark says so.
    DeletedBeforeMarked,
    /// The low-water mark is looked at only before the bucket is found.
    NotLookedAtAgain,
    /// Two marks are written at the same time.
    MarksNotHeld,
    /// A mark looks at the buckets, then it lowers the horizon.
    StandBeforeLowered,
    /// A restart does not read the files.
    FilesNotRead,
}

const MISTAKES: [Mistake; 10] = [
    Mistake::ForwardedBeforeWritten,
    Mistake::EndNotHeld,
    Mistake::EndLetGoBeforeUsed,
    Mistake::UsedBeforeWritten,
    Mistake::DroppedBeforeRaised,
    Mistake::DeletedBeforeMarked,
    Mistake::NotLookedAtAgain,
    Mistake::MarksNotHeld,
    Mistake::StandBeforeLowered,
    Mistake::FilesNotRead,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    disk: Disk,
    memory: Memory,
    actors: Vec<Actor>,
    may_crash: bool,
    /// How often each nonce was accepted, over the crash: what the whole is about.
    accepted: [u8; 2],
}

/// What is left after `kill -9`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Disk {
    /// The bucket's file: which nonces stand in it, and whether a piece of one stands behind them.
    file: Option<([bool; 2], bool)>,
    mark: Mark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Mark {
    /// Whether the low-water mark is above the bucket's stamps.
    low: bool,
    /// Whether the horizon is beyond them.
    far: bool,
    /// Whether it lists the bucket.
    listed: bool,
}

/// What is not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Memory {
    /// All buckets that there were; those who found one keep it when it has left the table.
    buckets: Vec<Bucket>,
    in_table: Option<usize>,
    low: bool,
    far: bool,
    marks_held: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Bucket {
    used: [bool; 2],
    readers: u8,
    dropped: bool,
    end_held: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Actor {
    kind: Kind,
    /// Which step is next; `None` when it is done.
    at: Option<Step>,
    bucket: usize,
    /// What a mark that is being written will say.
    stand: Mark,
    /// The horizon before it was lowered for that.
    before: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Commit {
        nonce: usize,
        /// Whether its write succeeds.
        writes: bool,
    },
    Sweep,
    /// Writes a mark after the clock was set back, so that the horizon would come nearer than the bucket's stamps.
    Heartbeat,
}

/// In the order of `NonceTable::commit`, `Bucket::record`, `NonceTable::sweep` and `MarkKeeper::replace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    LookAtLowWater,
    FindBucket,
    Reach,
    Enter,
    HoldEnd,
    Judge,
    WritePiece,
    WriteRest,
    Use,
    Forward,
    Raise,
    HoldMarks,
    Lower,
    Stand,
    WriteMark,
    LetMarksGo,
    LeaveTable,
    Close,
    Delete,
}

/// What a step comes to.
enum Outcome {
    Moved(World),
    /// Somebody else has to move first.
    Waits,
}

use Step::*;

impl World {
    fn new(actors: &[Kind], mistake: Mistake) -> Self {
        // The mark of the start, before there was a bucket.
        let disk = Disk { file: None, mark: Mark { low: false, far: true, listed: false } };
        let memory = Memory { far: true, ..Memory::default() };
        Self {
            disk,
            memory,
            actors: actors.iter().map(|kind| Actor::new(*kind, mistake)).collect(),
            may_crash: true,
            accepted: [0, 0],
        }
    }

    /// The next step of one actor, or what is wrong with it.
    fn step(&self, who: usize, mistake: Mistake) -> Result<Outcome, String> {
        let mut world = self.clone();
        let World { disk, memory, actors, accepted, .. } = &mut world;
        let actor = &mut actors[who];
        let Some(at) = actor.at else { return Ok(Outcome::Waits) };
        let recorded = |disk: &Disk, nonce: usize| disk.file.is_some_and(|(records, _)| records[nonce]);
        actor.at = match (actor.kind, at) {
            (Kind::Commit { .. }, LookAtLowWater) if memory.low => None,
            (_, LookAtLowWater) => Some(FindBucket),
            (Kind::Commit { writes, .. }, FindBucket) => match memory.in_table {
                Some(bucket) => {
                    actor.bucket = bucket;
                    Some(Reach)
                }
                // The file is there already: not written.
                None if disk.file.is_some() => {
                    check(!writes || memory.low, "a fresh nonce is refused since the file exists")?;
                    None
                }
                None => {
                    disk.file = Some(([false; 2], false));
                    memory.buckets.push(Bucket::default());
                    memory.in_table = Some(memory.buckets.len() - 1);
                    actor.bucket = memory.buckets.len() - 1;
                    Some(Reach)
                }
            },
            (_, Reach) if memory.far => Some(Enter),
            (_, Reach) => Some(HoldMarks),
            (_, Enter) => {
                let bucket = &mut memory.buckets[actor.bucket];
                let forgotten = mistake != Mistake::NotLookedAtAgain && (bucket.dropped || memory.low);
                check(!forgotten || memory.low, "a fresh nonce is refused as forgotten")?;
                bucket.readers += u8::from(!forgotten);
                (!forgotten).then_some(HoldEnd)
            }
            (_, HoldEnd) => {
                let holds = !matches!(mistake, Mistake::EndNotHeld | Mistake::UsedBeforeWritten);
                let bucket = &mut memory.buckets[actor.bucket];
                if holds && bucket.end_held {
                    return Ok(Outcome::Waits);
                }
                bucket.end_held = holds;
                Some(Judge)
            }
            (Kind::Commit { nonce, .. }, Judge) => {
                let bucket = &mut memory.buckets[actor.bucket];
                if bucket.used[nonce] {
                    check(recorded(disk, nonce) || memory.low, "a nonce is refused as used that is not on the disk")?;
                    bucket.leave();
                    None
                } else {
                    bucket.used[nonce] |= mistake == Mistake::UsedBeforeWritten;
                    bucket.end_held &= mistake != Mistake::EndLetGoBeforeUsed;
                    Some(if mistake == Mistake::ForwardedBeforeWritten { Forward } else { WritePiece })
                }
            }
            (_, WritePiece) => {
                disk.file = disk.file.map(|(records, _)| (records, true));
                Some(WriteRest)
            }
            (Kind::Commit { nonce, writes, .. }, WriteRest) => {
                // What could not be written is cut off again.
                disk.file = disk.file.map(|(mut records, _)| {
                    records[nonce] |= writes;
                    (records, false)
                });
                let bucket = &mut memory.buckets[actor.bucket];
                if !writes {
                    bucket.used[nonce] &= mistake != Mistake::UsedBeforeWritten;
                    bucket.leave();
                }
                writes.then_some(Use)
            }
            (Kind::Commit { nonce, .. }, Use) => {
                let bucket = &mut memory.buckets[actor.bucket];
                bucket.used[nonce] = true;
                bucket.leave();
                (mistake != Mistake::ForwardedBeforeWritten).then_some(Forward)
            }
            (Kind::Commit { nonce, .. }, Forward) => {
                accepted[nonce] += 1;
                let kept = recorded(disk, nonce) || disk.mark.low;
                check(kept, "a request goes out whose nonce is not on the disk")?;
                check(accepted[nonce] == 1, "a nonce is accepted twice")?;
                (mistake == Mistake::ForwardedBeforeWritten).then_some(WritePiece)
            }
            (_, Raise) => {
                memory.low = true;
                Some(if mistake == Mistake::DeletedBeforeMarked { LeaveTable } else { HoldMarks })
            }
            (_, HoldMarks) => {
                if memory.marks_held && mistake != Mistake::MarksNotHeld {
                    return Ok(Outcome::Waits);
                }
                memory.marks_held = true;
                Some(if mistake == Mistake::StandBeforeLowered { Stand } else { Lower })
            }
            (kind, Lower) => {
                actor.before = memory.far;
                memory.far &= kind != Kind::Heartbeat;
                Some(if mistake == Mistake::StandBeforeLowered { WriteMark } else { Stand })
            }
            (kind, Stand) => {
                let listed = memory.in_table.is_some() && !memory.low;
                actor.stand = Mark { low: memory.low, listed, far: kind != Kind::Heartbeat };
                Some(if mistake == Mistake::StandBeforeLowered { Lower } else { WriteMark })
            }
            (_, WriteMark) => {
                actor.stand.far |= actor.stand.listed && actor.before;
                disk.mark = actor.stand;
                Some(LetMarksGo)
            }
            (kind, LetMarksGo) => {
                memory.far = actor.stand.far;
                memory.marks_held = false;
                match kind {
                    Kind::Commit { .. } => Some(Enter),
                    Kind::Sweep if mistake == Mistake::DeletedBeforeMarked => None,
                    Kind::Sweep if mistake == Mistake::DroppedBeforeRaised => Some(Delete),
                    Kind::Sweep => Some(LeaveTable),
                    Kind::Heartbeat => None,
                }
            }
            (_, LeaveTable) => match memory.in_table.take() {
                Some(bucket) => {
                    actor.bucket = bucket;
                    Some(Close)
                }
                None => None,
            },
            (_, Close) => {
                let bucket = &mut memory.buckets[actor.bucket];
                if bucket.readers > 0 {
                    return Ok(Outcome::Waits);
                }
                bucket.dropped = true;
                Some(if mistake == Mistake::DroppedBeforeRaised { Raise } else { Delete })
            }
            (_, Delete) => {
                disk.file = None;
                (mistake == Mistake::DeletedBeforeMarked).then_some(HoldMarks)
            }
            (kind, at) => return Err(format!("{kind:?} has no step {at:?}")),
        };
        // If the machine went down now, what was accepted would be refused by the mark.
        let beyond = accepted.iter().any(|times| *times > 0) && !disk.mark.far && !disk.mark.low;
        check(!beyond, "a nonce beyond the horizon was accepted")?;
        Ok(Outcome::Moved(world))
    }

    /// `kill -9`, a start, and other requests.
    fn crash(&self, after: &[Kind], mistake: Mistake) -> Self {
        let mark = self.disk.mark;
        // A file that the mark names and that is gone: nothing of its time is accepted.
        let low = mark.low || (mark.listed && self.disk.file.is_none());
        // A piece of a record is cut off.
        let file = self.disk.file.map(|(records, _)| (records, false)).filter(|_| !low);
        let mark = Mark { low, far: mark.far && file.is_some(), listed: file.is_some() };
        let read = |(used, _)| Bucket { used, ..Bucket::default() };
        let buckets: Vec<_> = file.filter(|_| mistake != Mistake::FilesNotRead).map(read).into_iter().collect();
        let file = file.filter(|_| !buckets.is_empty());
        let in_table = (!buckets.is_empty()).then_some(0);
        let memory = Memory { buckets, in_table, low, far: mark.far, marks_held: false };
        let actors = after.iter().map(|kind| Actor::new(*kind, mistake)).collect();
        Self { disk: Disk { file, mark }, memory, actors, may_crash: false, accepted: self.accepted }
    }
}

impl Actor {
    fn new(kind: Kind, mistake: Mistake) -> Self {
        let first = match kind {
            Kind::Commit { .. } => LookAtLowWater,
            Kind::Sweep if mistake == Mistake::DroppedBeforeRaised => LeaveTable,
            Kind::Sweep => Raise,
            Kind::Heartbeat => HoldMarks,
        };
        let stand = Mark { low: false, far: false, listed: false };
        Self { kind, at: Some(first), bucket: 0, stand, before: false }
    }
}

impl Bucket {
    fn leave(&mut self) {
        self.end_held = false;
        self.readers -= 1;
    }
}

fn check(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// All that can happen: how many worlds there are, or what is wrong in one.
fn explore(start: &[Kind], after: &[Kind], mistake: Mistake) -> Result<usize, String> {
    let mut ahead = vec![World::new(start, mistake)];
    let mut seen: HashSet<World> = HashSet::new();
    while let Some(world) = ahead.pop() {
        if seen.contains(&world) {
            continue;
        }
        let before = ahead.len();
        for who in 0..world.actors.len() {
            match world.step(who, mistake) {
                Ok(Outcome::Moved(next)) => ahead.push(next),
                Ok(Outcome::Waits) => {}
                Err(wrong) => return Err(wrong),
            }
        }
        if ahead.len() == before {
            world.check_end()?;
        }
        if world.may_crash {
            ahead.push(world.crash(after, mistake));
        }
        seen.insert(world);
    }
    Ok(seen.len())
}

impl World {
    /// Nobody can move any more.
    fn check_end(&self) -> Result<(), String> {
        check(self.actors.iter().all(|actor| actor.at.is_none()), "they wait for each other")?;
        // After a crash a nonce may be on the disk whose request did not go out; before one, it may not.
        let mut writing = self.actors.iter().filter_map(|actor| match actor.kind {
            Kind::Commit { nonce, writes: true } => Some(nonce),
            _ => None,
        });
        let passed = |nonce: usize| self.accepted[nonce] == 1 || self.memory.low || !self.may_crash;
        check(writing.all(passed), "a fresh nonce was refused")
    }
}

const FIRST: Kind = Kind::Commit { nonce: 0, writes: true };
const SECOND: Kind = Kind::Commit { nonce: 1, writes: true };
const UNWRITTEN: Kind = Kind::Commit { nonce: 0, writes: false };

/// Who is under way at the same time, and who comes after a crash.
const SCENES: [(&[Kind], &[Kind]); 5] = [
    (&[FIRST, FIRST, SECOND], &[FIRST, FIRST, SECOND]),
    (&[FIRST, UNWRITTEN, SECOND], &[UNWRITTEN, FIRST, SECOND]),
    (&[FIRST, FIRST, Kind::Sweep], &[FIRST, SECOND, Kind::Sweep]),
    (&[FIRST, SECOND, Kind::Heartbeat], &[FIRST, FIRST, Kind::Heartbeat]),
    (&[FIRST, FIRST, Kind::Sweep, Kind::Heartbeat], &[FIRST, Kind::Sweep]),
];

#[test]
fn in_no_order_of_steps_a_nonce_is_accepted_twice_or_unwritten_or_refused_falsely() {
    for (start, after) in SCENES {
        match explore(start, after, Mistake::None) {
            Ok(worlds) => assert!(worlds > 500, "only {worlds} worlds: these do not interleave: {start:?}"),
            Err(wrong) => panic!("{wrong}: {start:?}, then {after:?}"),
        }
    }
}

#[test]
fn each_wrong_order_is_found_out() {
    for mistake in MISTAKES {
        let found = SCENES.iter().any(|(start, after)| explore(start, after, mistake).is_err());
        assert!(found, "{mistake:?}");
    }
}
