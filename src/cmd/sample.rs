//! `portunus sample`: the demo's bookshop by itself, as an upstream to try things with.

use super::start;
use crate::cli::Sample;

pub fn run(sample: &Sample) -> anyhow::Result<()> {
    start::runtime()?.block_on(async {
        let listener = start::bind("sample", sample.listen).await?;
        eprintln!("bookshop {}", start::url(listener.local_addr()?));
        crate::sample::serve(listener, start::told_to_end()).await?;
        Ok(())
    })
}
