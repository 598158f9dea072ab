//! What is kept of bodies.

use std::pin::pin;
use std::task::Waker;

use super::*;

/// Comes part by part.
struct Parts {
    left: Vec<Vec<u8>>,
    length: Option<u64>,
}

impl Inflow for Parts {
    fn length(&self) -> Option<u64> {
        self.length
    }

    fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    fn poll_fill(&mut self, _: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Result<(), Cut>> {
        out.extend(self.left.remove(0));
        Poll::Ready(Ok(()))
    }

    fn poll_gone(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

fn parts(sizes: &[usize], has_length: bool) -> Parts {
    let total: usize = sizes.iter().sum();
    let part = |(number, size): (usize, &usize)| vec![number as u8; *size];
    Parts {
        left: sizes.iter().enumerate().map(part).collect(),
        length: has_length.then_some(total as u64),
    }
}

fn fill(inflow: &mut dyn Inflow, out: &mut Vec<u8>) {
    let mut cx = Context::from_waker(Waker::noop());
    let before = out.len();
    assert!(inflow.poll_fill(&mut cx, out).is_ready());
    assert!(out.len() - before <= ROOM);
}

fn all(inflow: &mut dyn Inflow) -> Vec<u8> {
    let mut out = Vec::new();
    while !inflow.is_done() {
        fill(inflow, &mut out);
    }
    out
}

#[test]
fn what_is_kept_comes_again() {
    for (sizes, has_length, again) in [
        (&[10][..], true, true),
        (&[10, 20, 30], true, true),
        (&[10, 20, 30], false, true),
        (&[MOST / 2, MOST / 2], false, true),
        (&[MOST / 2, MOST / 2, 1], false, false),
        (&[MOST / 2, MOST / 2 + 1, 5], true, false),
    ] {
        let metrics: Arc<WorkerMetrics> = Arc::default();
        let held = || metrics.upstream_kept_bytes.get();
        let mut inner = parts(sizes, has_length);
        let mut replay = Replay::new(&mut inner, metrics.clone(), vec![]);
        let first = all(&mut replay);
        assert_eq!(first.len(), sizes.iter().sum::<usize>());
        assert_eq!(replay.can_repeat(), again, "{sizes:?}");
        assert_eq!(held(), if again { first.len() as u64 } else { 0 });
        if again {
            for _ in 0..2 {
                replay.repeat();
                assert_eq!(all(&mut replay), first);
            }
            // Another try reads it at its own pace, and keeps it as long as it needs it.
            let mut copied = replay.copied();
            drop(replay);
            assert_eq!(all(&mut copied), first);
            assert_eq!(held(), first.len() as u64);
        }
        assert_eq!(held(), 0);
        assert_eq!(metrics.upstream_not_kept.get(), 0);
    }
}

#[test]
fn a_try_may_begin_anew_before_the_end_has_come() {
    for (has_length, again) in [(true, true), (false, false)] {
        let mut inner = parts(&[1, 2, 3], has_length);
        let mut replay = Replay::new(&mut inner, Arc::default(), vec![]);
        let mut first = Vec::new();
        fill(&mut replay, &mut first);
        assert_eq!(replay.can_repeat(), again);
        replay.repeat();
        assert_eq!(all(&mut replay), [0, 1, 1, 2, 2, 2]);
        assert!(replay.can_repeat());
    }
}

#[tokio::test]
async fn a_worker_keeps_only_so_much() {
    let metrics: Arc<WorkerMetrics> = Arc::default();
    metrics.upstream_kept_bytes.add(MOST_OF_WORKER - 5);
    let mut inner = parts(&[3, 3], true);
    let mut replay = Replay::new(&mut inner, metrics.clone(), vec![]);
    // There is no room for it beforehand: nothing is taken.
    assert!(replay.collect().await.unwrap().is_none());
    assert_eq!(metrics.upstream_not_kept.get(), 1);
    assert_eq!(all(&mut replay), [0, 0, 0, 1, 1, 1]);
    assert!(!replay.can_repeat());
    drop(replay);
    assert_eq!(metrics.upstream_not_kept.get(), 2);
    assert_eq!(metrics.upstream_kept_bytes.get(), MOST_OF_WORKER - 5);
    let mut inner = parts(&[2, 3], true);
    let mut replay = Replay::new(&mut inner, metrics, vec![]);
    let mut copied = replay.collect().await.unwrap().unwrap();
    assert!(replay.is_done());
    assert_eq!(all(&mut copied), [0, 0, 1, 1, 1]);
}

/// Of so many bytes, none of which has come.
struct Awaited(u64);

impl Inflow for Awaited {
    fn length(&self) -> Option<u64> {
        Some(self.0)
    }

    fn is_done(&self) -> bool {
        false
    }

    fn poll_fill(&mut self, _: &mut Context<'_>, _: &mut Vec<u8>) -> Poll<Result<(), Cut>> {
        Poll::Pending
    }

    fn poll_gone(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

#[tokio::test]
async fn what_is_awaited_has_its_room_already() {
    let metrics: Arc<WorkerMetrics> = Arc::default();
    metrics.upstream_kept_bytes.add(MOST_OF_WORKER - 10);
    let mut cx = Context::from_waker(Waker::noop());
    let (mut one, mut other) = (Awaited(6), Awaited(6));
    let mut first = Replay::new(&mut one, metrics.clone(), vec![]);
    let mut second = Replay::new(&mut other, metrics.clone(), vec![]);
    assert!(pin!(first.collect()).poll(&mut cx).is_pending());
    assert!(second.collect().await.unwrap().is_none());
    drop(first);
    assert!(pin!(second.collect()).poll(&mut cx).is_pending());
    drop(second);
    assert_eq!(metrics.upstream_kept_bytes.get(), MOST_OF_WORKER - 10);
}
