private import Glibc

/// The user at the other end of a socket.
package struct ControlPeer: Equatable, Sendable {
    package var uid: UInt32
    /// The user's name, or `uid 1000` for a user without one.
    package var name: String

    package init(uid: UInt32) {
        self.uid = uid
        var (entry, found) = (passwd(), UnsafeMutablePointer<passwd>?.none)
        var buffer = [CChar](repeating: 0, count: 4096)
        name =
            getpwuid_r(uid, &entry, &buffer, buffer.count, &found) == 0 && found != nil
            ? String(cString: entry.pw_name) : "uid \(uid)"
    }

    /// Whether the peer is this process's own user.
    package var isOwn: Bool { uid == geteuid() }
}
