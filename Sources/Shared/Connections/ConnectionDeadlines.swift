import Domain
package import NIOCore

/// When a connection has to be ended because something did not happen in time.
///
/// Pure: a function of instants.
package struct ConnectionDeadlines: Sendable {
    package var hello: Duration
    package var frame: Duration
    package var idle: Duration

    package init(hello: Duration, frame: Duration, idle: Duration) {
        self.hello = hello
        self.frame = frame
        self.idle = idle
    }

    /// While memory is short, a frame that holds some must make progress within this.
    private static let shortage = TimeAmount.seconds(2)

    /// What a connection is doing.
    package struct Activity: Sendable {
        /// Start of the period that is measured: the connection, the current frame, or the last thing that happened.
        package var since: NIODeadline
        /// When the frame in progress last made progress of `Limits.minProgressBytes`, or could not be read.
        package var progress: NIODeadline
        /// The peer has had a WELCOME, or a chunk acknowledged.
        package var isKnown: Bool
        package var isInsideFrame: Bool
        /// The frame in progress has memory that others may wait for.
        package var holdsMemory: Bool
        /// The service does not read, because the frame has no memory yet.
        package var waitsForMemory: Bool
        package var hasHeldFrames: Bool
    }

    /// What is overdue, for the peer and the log; nil if nothing is.
    ///
    /// - Parameter isMemoryShort: others wait for memory.
    package func overdue(_ activity: Activity, now: NIODeadline, isMemoryShort: Bool) -> String? {
        if activity.waitsForMemory { return nil }
        if activity.hasHeldFrames, !activity.isInsideFrame { return nil }
        let waited = now - activity.since
        if activity.isInsideFrame {
            if isMemoryShort, activity.holdsMemory, now - activity.progress >= Self.shortage {
                return
                    "memory is short and less than \(Limits.minProgressBytes) bytes of a frame arrived in two seconds"
            }
            return waited >= TimeAmount(frame) ? "a frame was not whole within \(frame)" : nil
        }
        if !activity.isKnown {
            return waited >= TimeAmount(hello) ? "no HELLO or chunk within \(hello)" : nil
        }
        return waited >= TimeAmount(idle) ? "nothing was sent within \(idle)" : nil
    }
}

/// Since when a connection does what it does.
///
/// Pure.
package struct ActivityClock: Sendable {
    /// See ``ConnectionDeadlines/Activity/since``.
    package var since: NIODeadline
    private var progress: NIODeadline
    private var progressBytes = 0

    package init(now: NIODeadline) {
        since = now
        progress = now
    }

    /// The frame in progress begins, or continues after a wait that was not its peer's.
    package mutating func resetProgress(_ intake: borrowing FrameIntake, now: NIODeadline) {
        progress = now
        progressBytes = intake.collectedBytes
    }

    package mutating func activity(
        _ intake: borrowing FrameIntake, isKnown: Bool, isNative: Bool, waitsForMemory: Bool, now: NIODeadline
    ) -> ConnectionDeadlines.Activity {
        if waitsForMemory || intake.collectedBytes >= progressBytes + Limits.minProgressBytes {
            resetProgress(intake, now: now)
        }
        return ConnectionDeadlines.Activity(
            since: since, progress: progress, isKnown: isKnown,
            // A HELLO has the time that a stranger has.
            isInsideFrame: intake.isInsideFrame && (isKnown || !isNative), holdsMemory: intake.holdsMemory,
            waitsForMemory: waitsForMemory, hasHeldFrames: intake.heldFrames > 0)
    }
}
