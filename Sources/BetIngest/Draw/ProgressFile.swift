import Domain
import Ledger
import NIOConcurrencyHelpers
import Shell
import Storage

/// `progress.json` of a draw while the service runs.
///
/// The committer changes it when an agency's last chunk is durable; the main thread writes it, and the clock's thread if
/// the main thread is busy with a draw.
///
/// Isolation: any thread changes; a lock lets one thread write at a time.
final class ProgressFile: Sendable {
    private struct State: Sendable {
        var progress: DrawProgress
        var isWritten = false
    }

    private let path: String
    private let disk: any Disk
    private let log: EventLog
    private let state: NIOLockedValueBox<State>
    /// Held while the file is written, which blocks.
    ///
    /// Not a box of nothing: the thread sanitizer takes the place of an empty value for that of what follows it.
    private let writing = NIOLock()

    init(_ folder: DrawFolder, _ progress: DrawProgress, on disk: any Disk, log: EventLog) {
        path = folder.progress
        self.disk = disk
        self.log = log
        state = NIOLockedValueBox(State(progress: progress))
    }

    /// Changes the progress, in memory.
    func change(_ body: (inout DrawProgress) -> Void) {
        state.withLockedValue { state in
            body(&state.progress)
            state.isWritten = false
        }
    }

    /// Replaces the file if it differs.
    ///
    /// No other file depends on it: a failure is logged, and the next call retries.
    func write() {
        writing.withLock {
            let progress = state.withLockedValue { state -> DrawProgress? in
                defer { state.isWritten = true }
                return state.isWritten ? nil : state.progress
            }
            guard let progress else { return }
            do throws(DiskError) {
                let bytes = progress.fileBytes
                guard try DurableFile.read(path, on: disk) != bytes else { return }
                try DurableFile.replace(path, with: bytes, on: disk)
            } catch {
                state.withLockedValue { $0.isWritten = false }
                log(.progressFailed(path: path, reason: "\(error)"))
            }
        }
    }
}
