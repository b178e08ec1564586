//! The real `Workspaces` on real repositories: each step, each step twice, and each step after a
//! git that was killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bounce;
mod collect;
mod killed;
mod land;
mod lane;
mod lossless;
mod nested;
mod origin;
mod prepare;
mod release;
mod view;
mod world;
