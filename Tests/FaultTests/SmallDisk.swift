import Foundation
import Glibc
import TestKit

/// A file system of a few megabytes, unmounted with its last reference.
final class SmallDisk {
    enum Kind: String, CaseIterable {
        case tmpfs
        /// On a loop device: the ledger is written past the page cache.
        case ext4
    }

    let path: String
    private let folder: TemporaryFolder
    private var ballast: String { path + "/ballast" }

    /// Mounts the disk; nil if the machine does not permit it.
    init?(_ kind: Kind) throws {
        folder = try TemporaryFolder()
        path = folder.path + "/disk"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        switch kind {
        case .tmpfs:
            guard Self.succeeds(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path]) else { return nil }
        case .ext4:
            let image = try folder.write("image", [])
            guard truncate(image, 8 << 20) == 0, Self.succeeds(["mkfs.ext4", "-q", "-m", "0", image]),
                Self.succeeds(["mount", "-o", "loop", image, path])
            else { return nil }
        }
    }

    deinit {
        // A program left running by a failed test keeps the disk busy; then it is unmounted when that program ends.
        if !Self.succeeds(["umount", path]) { _ = Self.succeeds(["umount", "--lazy", path]) }
    }

    /// Fills the disk except for `kibibytes` KiB.
    func fill(leaving kibibytes: Int) -> Bool {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return false }
        let available = Int(status.f_bavail) * Int(status.f_frsize)
        let fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard fd >= 0 else { return false }
        defer { close(fd) }
        return posix_fallocate(fd, 0, max(1, available - kibibytes << 10)) == 0
    }

    func makeRoom() -> Bool {
        unlink(ballast) == 0
    }

    private static func succeeds(_ command: [String]) -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
