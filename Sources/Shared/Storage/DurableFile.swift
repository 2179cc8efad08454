/// Files that are replaced as a whole and may be read at any moment.
package enum DurableFile {
    /// Replaces a file: temporary file, fdatasync, rename, fsync of the folder.
    ///
    /// Durability: on return the new bytes survive power loss. After a crash during the call, readers find the complete
    /// old or new file. A leftover `.new` file has no meaning and is replaced.
    ///
    /// - Throws: ``DiskError``. The file is then the old or the new one; which of them survives is unknown.
    package static func replace(
        _ path: String, with bytes: [UInt8], on disk: any Disk
    ) throws(DiskError) {
        let temporaryPath = path + ".new"
        let file = try disk.open(temporaryPath, .replace)
        try file.writeAll(bytes, at: 0)
        try file.sync()
        try disk.rename(temporaryPath, to: path)
        try disk.syncFolder(parentFolder(of: path))
    }

    /// Returns nil if the file does not exist.
    package static func read(_ path: String, on disk: any Disk) throws(DiskError) -> [UInt8]? {
        let file: any DiskFile
        do throws(DiskError) {
            file = try disk.open(path, .readOnly)
        } catch {
            if error.isMissingFile { return nil }
            throw error
        }
        return try file.read(at: 0, byteCount: try file.size())
    }

    /// Makes durable what an earlier process wrote, and returns what the disk has; nil if the file does not exist.
    ///
    /// For a file that is appended to: a process that was killed may have left bytes that are not durable, and after a
    /// failed sync the page cache has bytes that the disk does not have.
    package static func readDurable(_ path: String, on disk: any Disk) throws(DiskError) -> [UInt8]? {
        guard try exists(path, on: disk) else { return nil }
        try disk.open(path, .readWrite).sync()
        try disk.syncFolder(parentFolder(of: path))
        try disk.forgetCached(path)
        return try read(path, on: disk)
    }

    /// Whether the file exists.
    package static func exists(_ path: String, on disk: any Disk) throws(DiskError) -> Bool {
        do throws(DiskError) {
            _ = try disk.open(path, .readOnly)
            return true
        } catch {
            if error.isMissingFile { return false }
            throw error
        }
    }
}
