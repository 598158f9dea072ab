//! Places and the lines before them, on one thread and on several.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use super::*;

const fn key(subject: u128) -> CellKey {
    CellKey { limit: 1, subject }
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn waits(joined: Joined) -> Waiting {
    match joined {
        Joined::Waits(waiting) => waiting,
        other => panic!("{other:?}"),
    }
}

#[test]
fn places_are_given_back_and_leave_nothing() {
    let places = Arc::<Places>::default();
    let first = places.enter(key(1), 2);
    let second = places.enter(key(1), 2);
    assert!(first.is_some() && second.is_some());
    assert!(places.enter(key(1), 2).is_none());
    assert!(places.enter(key(2), 1).is_some(), "another subject");
    drop(first);
    assert_eq!(places.taken(&key(1)), (1, 0));
    assert!(places.enter(key(1), 2).is_some());
    drop(second);
    assert_eq!(places.len(), 0);
}

#[test]
fn many_threads_never_have_more_than_there_are() {
    let places = Arc::<Places>::default();
    let most = Arc::new(AtomicU32::new(0));
    let now = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (places, most, now) = (places.clone(), most.clone(), now.clone());
            std::thread::spawn(move || {
                for _ in 0..2000 {
                    if let Some(place) = places.enter(key(7), 2) {
                        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                        now.fetch_sub(1, SeqCst);
                        drop(place);
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(most.load(SeqCst) <= 2);
    assert_eq!(places.len(), 0);
}

#[tokio::test]
async fn a_free_place_goes_to_the_first_of_the_line() {
    let places = Arc::<Places>::default();
    let taken = places.enter(key(1), 1).unwrap();
    let low = waits(places.join(key(1), 1, 0, 2));
    let high = waits(places.join(key(1), 1, 3, 2));
    assert!(matches!(places.join(key(1), 1, 0, 2), Joined::Full));
    assert_eq!(places.taken(&key(1)), (1, 2));
    drop(taken);
    assert!(places.enter(key(1), 1).is_none(), "nobody overtakes");
    let place = high.place(in_a_minute()).await.unwrap();
    drop(place);
    let place = low.place(in_a_minute()).await.unwrap();
    assert_eq!(places.taken(&key(1)), (1, 0));
    drop(place);
    assert_eq!(places.len(), 0);
}

#[tokio::test]
async fn who_is_displaced_late_or_gone_leaves_nothing() {
    let places = Arc::<Places>::default();
    let taken = places.enter(key(1), 1).unwrap();
    let low = waits(places.join(key(1), 1, 0, 1));
    assert!(!places.may_join(&key(1), 1, 0, 1) && places.may_join(&key(1), 1, 1, 1));
    let high = waits(places.join(key(1), 1, 1, 1));
    assert_eq!(low.place(in_a_minute()).await.unwrap_err(), Lost::Displaced);
    let soon = Instant::now() + Duration::from_millis(5);
    assert_eq!(high.place(soon).await.unwrap_err(), Lost::Late);
    let gone = waits(places.join(key(1), 1, 0, 1));
    drop(gone);
    assert_eq!(places.taken(&key(1)), (1, 0));
    // Given a place, and gone before it knows: the next has it.
    let gone = waits(places.join(key(1), 1, 0, 2));
    let next = waits(places.join(key(1), 1, 0, 2));
    drop(taken);
    assert_eq!(places.taken(&key(1)), (1, 1));
    drop(gone);
    let place = next.place(in_a_minute()).await.unwrap();
    drop(place);
    assert_eq!(places.len(), 0);
}

#[tokio::test]
async fn who_was_displaced_removes_nobody_from_a_line_made_anew() {
    let places = Arc::<Places>::default();
    let taken = places.enter(key(1), 1).unwrap();
    let low = waits(places.join(key(1), 1, 0, 1));
    let high = waits(places.join(key(1), 1, 1, 1));
    drop((high, taken));
    assert_eq!(places.len(), 0);
    // Stands where the one that was displaced stood.
    let taken = places.enter(key(1), 1).unwrap();
    let stranger = waits(places.join(key(1), 1, 0, 1));
    drop(low);
    assert_eq!(places.taken(&key(1)), (1, 1));
    drop(taken);
    let place = stranger.place(in_a_minute()).await.unwrap();
    drop(place);
    assert_eq!(places.len(), 0);
}

#[tokio::test]
async fn a_limit_that_changes_is_heeded() {
    let places = Arc::<Places>::default();
    let first = places.enter(key(1), 2).unwrap();
    let second = places.enter(key(1), 2).unwrap();
    let waiting = waits(places.join(key(1), 1, 0, 5));
    drop(first);
    assert_eq!(places.taken(&key(1)), (1, 1), "one is enough now");
    let more = waits(places.join(key(1), 1, 0, 5));
    // Two of three are for those who waited.
    let third = places.enter(key(1), 4).unwrap();
    let others = (
        waiting.place(in_a_minute()).await,
        more.place(in_a_minute()).await,
    );
    assert!(others.0.is_ok() && others.1.is_ok());
    drop((second, third, others));
    assert_eq!(places.len(), 0);
}

#[test]
fn workers_wake_each_other() {
    let places = Arc::<Places>::default();
    let (now, most, served) = (
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicU32::new(0)),
    );
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (places, now, most, served) =
                (places.clone(), now.clone(), most.clone(), served.clone());
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .build()
                    .unwrap();
                let one = async |turn: u32| {
                    let priority = (turn % 3) as i8;
                    let place = match places.join(key(7), 2, priority, 1000) {
                        Joined::In(place) => place,
                        Joined::Full => panic!("there is room for all"),
                        // Some go away before they know.
                        Joined::Waits(waiting) if (turn + thread).is_multiple_of(7) => {
                            tokio::task::yield_now().await;
                            return drop(waiting);
                        }
                        Joined::Waits(waiting) => waiting.place(in_a_minute()).await.unwrap(),
                    };
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    tokio::task::yield_now().await;
                    now.fetch_sub(1, SeqCst);
                    served.fetch_add(1, SeqCst);
                    drop(place);
                };
                runtime.block_on(async {
                    for round in 0..50 {
                        let all = (0..20).map(|turn| one(round * 20 + turn));
                        futures::future::join_all(all).await;
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(most.load(SeqCst) <= 2);
    assert!(served.load(SeqCst) >= 3000);
    assert_eq!(places.len(), 0);
}
