private import Glibc

/// The room on a file system.
package enum FreeSpace {
    /// Returns the bytes that this user may still write below a path; nil if it does not exist.
    package static func bytes(of path: String) -> Int? {
        var room = statvfs()
        guard statvfs(path, &room) == 0 else { return nil }
        return Int(clamping: UInt64(room.f_bavail) * UInt64(room.f_frsize))
    }
}
