import Shared

/// Watches the published files of a draw: `result.json` and, before it is there, `progress.json`.
///
/// Isolation: one thread, which blocks on the disk. Files are looked at by name and time, and read when they changed; they
/// are only ever replaced whole.
struct PublishedResult {
    enum Change {
        case result(DrawResult)
        case progress(DrawProgress)
        /// The file is there and is not served.
        case refused(path: String, reason: String)
    }

    private let folder: DrawFolder
    private let disk: any Disk
    private var resultStamp: FileStamp?
    private var progressStamp: FileStamp?
    private var lastError: DiskError?

    init(folder: DrawFolder, disk: any Disk) {
        self.folder = folder
        self.disk = disk
    }

    /// What has changed since the last look.
    ///
    /// Two stat(2) where nothing has. A file that cannot be read now is looked at again the next time, and reported once.
    mutating func changes() -> [Change] {
        var changes: [Change] = []
        do throws(DiskError) {
            if let stamp = disk.stamp(folder.progress), stamp != progressStamp,
                let bytes = try DurableFile.read(folder.progress, on: disk)
            {
                progressStamp = stamp
                if let progress = DrawProgress(fileBytes: bytes), progress.draw == folder.draw {
                    changes.append(.progress(progress))
                }
            }
            if let stamp = disk.stamp(folder.result), stamp != resultStamp,
                let bytes = try DurableFile.read(folder.result, on: disk)
            {
                resultStamp = stamp
                changes.append(result(bytes))
            }
            lastError = nil
        } catch {
            if lastError != error { changes.append(.refused(path: error.path, reason: "\(error)")) }
            lastError = error
        }
        return changes
    }

    private func result(_ bytes: [UInt8]) -> Change {
        do throws(DrawResultError) {
            let result = try DrawResult(fileBytes: bytes)
            guard result.draw == folder.draw else {
                return .refused(path: folder.result, reason: "it is of draw \(result.draw)")
            }
            return .result(result)
        } catch {
            return .refused(path: folder.result, reason: "\(error)")
        }
    }
}
