/// Makes one system call of a real program fail: loaded into it with LD_PRELOAD, never linked.
///
/// Calls on files below a folder are counted by their name and path. Environment variables of the program say what
/// happens:
///
/// FAULT_SHIM_FOLDER   the folder; calls elsewhere pass untouched and uncounted
/// FAULT_SHIM_TRACE    a file that gets a line for each call, `pwrite data/x.ledger 3`; `! ` leads the one that failed
/// FAULT_SHIM_CALL     the call to fail, as a line of the trace names it
/// FAULT_SHIM_EFFECT   what becomes of it:
///     before          it fails and has not been carried out
///     after           it is carried out, and fails all the same
///     lost            a sync fails, and what was written since the file's last one reads as zeros
///     full            it fails, and from then on every call that needs room
///     half, byte      a read or write takes half of the bytes (whole sectors past the page cache), or one
/// FAULT_SHIM_ERRNO    the errno of the failure
///
/// Without a folder:
///
/// FAULT_SHIM_CLOCK    what the machine's clock says, in seconds since 1970
/// FAULT_SHIM_SETENV   set: the environment changes before the program's main function
#pragma once
