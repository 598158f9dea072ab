//! Turns of one node's bucket and of one that is shared, with clocks that stand still.

use super::*;

const SECOND: u64 = 1_000_000_000;
const MILLI: u64 = 1_000_000;
const NOW: u64 = 1000 * SECOND;

/// One in 20 ms, one at once.
fn wish(priority: i8) -> Wish {
    Wish {
        rate: Rate::new(50, 1000, 1),
        delay: 100 * MILLI,
        most: 3,
        priority,
    }
}

fn waits(joined: Joined) -> Turn {
    match joined {
        Joined::Waits(turn) => turn,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn turns_come_one_after_the_other_and_by_priority() {
    let cell = Arc::<Cell>::default();
    let began = Instant::now();
    assert!(matches!(join(&cell, NOW, &wish(0)), Joined::Now(_)));
    let turns = [0, 0, 7].map(|priority| waits(join(&cell, NOW, &wish(priority))));
    assert_eq!(cell.waiting(), 3);
    let Joined::Full(verdict) = join(&cell, NOW, &wish(0)) else {
        panic!("three wait at most");
    };
    assert!(verdict.retry_in > 0);
    let order = std::sync::Mutex::new(Vec::new());
    let order_of = &order;
    let all = turns
        .into_iter()
        .enumerate()
        .map(|(index, turn)| async move {
            let cost = turn.come().await.unwrap();
            assert_eq!(cost, wish(0).rate);
            order_of.lock().unwrap().push((index, began.elapsed()));
        });
    futures::future::join_all(all).await;
    let order = order.into_inner().unwrap();
    let indices: Vec<_> = order.iter().map(|(index, _)| *index).collect();
    assert_eq!(indices, [2, 0, 1]);
    for (turn, (_, took)) in order.iter().enumerate() {
        let least = Duration::from_millis(20 * (turn as u64 + 1));
        assert!(*took >= least, "{turn} {took:?}");
    }
    assert_eq!(cell.waiting(), 0);
    assert_eq!(cell.arrival(), NOW + 80 * MILLI, "four were taken");
}

#[tokio::test]
async fn who_is_displaced_or_gone_takes_nothing() {
    let cell = Arc::<Cell>::default();
    assert!(matches!(join(&cell, NOW, &wish(0)), Joined::Now(_)));
    let mut turns: Vec<Turn> = (0..3).map(|_| waits(join(&cell, NOW, &wish(0)))).collect();
    let taken = cell.arrival();
    let high = waits(join(&cell, NOW, &wish(1)));
    assert_eq!(
        cell.arrival(),
        taken,
        "the turn of the one that is displaced"
    );
    let youngest = turns.pop().unwrap();
    assert_eq!(youngest.come().await.unwrap_err(), Lost::Displaced);
    drop(turns.pop());
    assert_eq!(cell.arrival(), taken - 20 * MILLI);
    assert!(high.come().await.is_ok());
    // Its turn has come, and it is gone.
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(turns[0].look(Instant::now()).is_none());
    assert!(matches!(turns[0].ticket.said(), Some(Said::Granted(_))));
    drop(turns);
    assert_eq!(cell.arrival(), NOW + 40 * MILLI, "two went");
}

#[tokio::test]
async fn a_low_priority_waits_no_longer_than_it_may() {
    let cell = Arc::<Cell>::default();
    let slow = |priority| Wish {
        rate: Rate::new(10, 1000, 1),
        ..wish(priority)
    };
    assert!(matches!(join(&cell, NOW, &slow(0)), Joined::Now(_)));
    let low = waits(join(&cell, NOW, &slow(0)));
    // There is no turn within its time, so it gets that of the low one.
    let high = waits(join(&cell, NOW, &slow(1)));
    assert_eq!(low.come().await.unwrap_err(), Lost::Displaced);
    assert!(high.come().await.is_ok());
}

#[tokio::test]
async fn a_shared_bucket_is_asked_again() {
    let start = chrono::DateTime::from_timestamp(1_000_000, 0).unwrap();
    let (clock, time) = Clock::manual(start);
    // One node without a Redis counts by itself.
    let leases = Arc::new(Leases::new(false));
    let cell = Arc::new(leases.cell([0; 16], wish(0).rate));
    let ask = |priority| join_shared(&cell, &leases, &clock, &wish(priority));
    assert!(matches!(ask(0), Joined::Now(_)));
    let (low, high) = (waits(ask(0)), waits(ask(1)));
    assert_eq!(cell.waiting(), 2);
    serve(&cell, &leases, &clock, wish(0).rate);
    assert_eq!(cell.waiting(), 2, "nothing is refilled");
    time.fetch_add(20_000, Ordering::Relaxed);
    serve(&cell, &leases, &clock, wish(0).rate);
    assert_eq!(cell.waiting(), 1);
    assert!(high.come().await.is_ok());
    // The first of the line asks by itself as well.
    time.fetch_add(20_000, Ordering::Relaxed);
    assert!(low.come().await.is_ok());
    let late = waits(ask(0));
    assert_eq!(late.come().await.unwrap_err(), Lost::Late);
    assert_eq!(cell.waiting(), 0);
}
