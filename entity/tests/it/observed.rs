//! What policies in observe mode would have refused, by application.

use chrono::TimeDelta;
use domain::id::ApplicationId;
use domain::traffic::Record;
use entity::store::traffic::{
    Kept, Observation, Refused, Resolution, Scope, Stretch, observed, observed_since, prune,
    sum_up, write_batch,
};

use crate::traffic::{at, batch, hour, provider, record};
use crate::world::id;

const RATE: &str = "version/rate_limit/minute";
const QUOTA: &str = "plan/quota/quota";

/// Number 0 to 99: of each ten one would have been refused by both policies, and one by the first.
/// A quarter of all is nobody's.
fn watched(number: i64) -> Record {
    let observed_by = match number % 10 {
        4 => format!("{RATE} {QUOTA}"),
        5 => RATE.to_owned(),
        _ => String::new(),
    };
    Record {
        observed_by,
        ..record(number)
    }
}

#[tokio::test]
async fn who_would_have_been_refused_is_counted() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let records: Vec<Record> = (0..100).map(watched).collect();
        // In two batches, so that the second adds to what the first left; and once again, in vain.
        for (name, part) in [
            ("one", &records[..50]),
            ("two", &records[50..]),
            ("two", &records[50..]),
        ] {
            write_batch(&db, batch(name), part).await.unwrap();
        }
        let application: ApplicationId = id("application").into();
        for (resolution, step, is_moved) in [
            (Resolution::Minute, TimeDelta::minutes(15), false),
            (Resolution::Hour, TimeDelta::hours(1), false),
            (Resolution::Minute, TimeDelta::minutes(15), true),
            (Resolution::Hour, TimeDelta::hours(1), true),
        ] {
            if is_moved {
                sum_up(&db, at(3600)).await.unwrap();
            }
            let stretch = Stretch {
                step,
                ..hour(resolution)
            };
            let found = observed(&db, &provider(), &stretch, 10).await;
            let found = found.unwrap().unwrap();
            assert_eq!(found.requests, 100);
            // Nobody is no application.
            let refused = |count| Refused {
                count,
                applications: 1,
                nobody: 5,
            };
            assert_eq!(found.policies[RATE], refused(20));
            assert_eq!(found.policies[QUOTA], refused(10));
            let rows: Vec<_> = found
                .rows
                .iter()
                .map(|row| (row.policy.as_str(), row.application, row.count))
                .collect();
            assert_eq!(rows[0], (RATE, application, 15));
            assert_eq!(rows.len(), 4);
            let mut rest = rows[1..].to_vec();
            rest.sort_unstable();
            assert_eq!(
                rest,
                [
                    (QUOTA, ApplicationId::NIL, 5),
                    (QUOTA, application, 5),
                    (RATE, ApplicationId::NIL, 5),
                ]
            );
            assert_eq!(found.of_application[&application], 75);
            assert_eq!(found.of_application[&ApplicationId::NIL], 25);
            // A busy policy takes none of another's rows.
            let most = observed(&db, &provider(), &stretch, 1).await.unwrap();
            let most: Vec<String> = most
                .unwrap()
                .rows
                .into_iter()
                .map(|row| row.policy)
                .collect();
            assert_eq!(most, [RATE, QUOTA]);

            let other_version = Scope {
                versions: Some(vec![id("v2").into()]),
                ..provider()
            };
            let stranger = Scope::provider(id("consumer").into());
            for scope in [other_version, stranger] {
                let found = observed(&db, &scope, &stretch, 10).await.unwrap();
                assert_eq!(found, Some(Observation::default()));
            }
            let of_application = Scope {
                applications: Some(vec![application]),
                ..provider()
            };
            let consumer = Scope::consumer(id("consumer").into());
            for scope in [of_application, consumer] {
                assert_eq!(observed(&db, &scope, &stretch, 10).await.unwrap(), None);
            }
        }

        let kept = Kept {
            minutes: TimeDelta::hours(1),
            ..Kept::default()
        };
        let later = at(0) + TimeDelta::hours(2);
        prune(&db, &kept, later).await.unwrap();
        for (resolution, left) in [(Resolution::Minute, 0), (Resolution::Hour, 4)] {
            let found = observed(&db, &provider(), &hour(resolution), 10).await;
            assert_eq!(found.unwrap().unwrap().rows.len(), left);
        }
    })
    .await;
}

#[tokio::test]
async fn it_is_known_since_when_it_is_counted() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let since = observed_since(&db).await.unwrap().unwrap();
        assert!((chrono::Utc::now() - since).abs() < TimeDelta::minutes(10));
    })
    .await;
}
