//! What the shim asks of the system beyond files and processes: the time, its own standard
//! streams, and what its dead descendants used.

use std::ffi::CStr;
use std::fs::File;
use std::io;

/// Milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

/// Leaves the session and the name of whoever started this process, and adopts orphans.
pub(super) fn settle(name: &CStr) {
    // Fails only for the leader of a group, which has a session of its own to leave alone.
    let _ = rustix::process::setsid();
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::thread::set_name(name);
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = name;
}

/// Points the standard streams nowhere, so that nobody's pipe matters any more.
pub(super) fn detach() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

/// Closes every file beyond the standard streams that this process was started with. Whoever started
/// it may hold a lock, or wait for a pipe's end, by one of them; a process that stays must not keep
/// it. To be called before anything else is opened.
#[expect(
    unsafe_code,
    reason = "nothing owns these files: they were open before main"
)]
pub fn drop_inherited_files() {
    // SAFETY: no file of this process is open yet but the standard streams.
    unsafe {
        #[cfg(target_os = "linux")]
        if libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) == 0 {
            return;
        }
        for file in 3..1024 {
            libc::close(file);
        }
    }
}

/// Processor time in milliseconds and the largest resident memory in bytes of all descendants
/// that have ended and were waited for.
#[expect(
    unsafe_code,
    reason = "rustix has no getrusage; the call fills a struct of ours"
)]
pub(super) fn used_by_children() -> (u64, u64) {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a whole rusage, and all zeroes is a valid one.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    let ms = |time: libc::timeval| {
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        seconds * 1000 + u64::try_from(time.tv_usec).unwrap_or(0) / 1000
    };
    let peak = u64::try_from(usage.ru_maxrss).unwrap_or(0);
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    (ms(usage.ru_utime) + ms(usage.ru_stime), peak * unit)
}
