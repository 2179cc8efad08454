import Domain
package import NIOCore

/// The deadlines after which a connection is ended; pure.
package struct ConnectionDeadlines: Sendable {
    package var hello: Duration
    package var frame: Duration
    package var idle: Duration

    package init(hello: Duration, frame: Duration, idle: Duration) {
        self.hello = hello
        self.frame = frame
        self.idle = idle
    }

    /// The time within which a frame that holds memory must make progress while memory is short.
    private static let shortage = TimeAmount.seconds(2)

    /// The state of a connection that deadlines depend on.
    package struct Activity: Sendable {
        /// Start of the measured period: the connect, the current frame, or the last activity.
        package var since: NIODeadline
        /// When the frame in progress last made progress of `Limits.minProgressBytes`, or could not be read.
        package var progress: NIODeadline
        /// Whether the peer has been sent a WELCOME or an acknowledgement of a chunk.
        package var isKnown: Bool
        package var isInsideFrame: Bool
        /// Whether the frame in progress has memory that others may wait for.
        package var holdsMemory: Bool
        /// Whether the service does not read because the frame has no memory yet.
        package var waitsForMemory: Bool
        package var hasHeldFrames: Bool
    }

    /// The reason the connection is overdue, for the peer and the log; nil if it is not.
    ///
    /// - Parameter isMemoryShort: whether others wait for memory.
    package func overdue(_ activity: Activity, now: NIODeadline, isMemoryShort: Bool) -> String? {
        if activity.waitsForMemory { return nil }
        if activity.hasHeldFrames, !activity.isInsideFrame { return nil }
        let waited = now - activity.since
        if activity.isInsideFrame {
            if isMemoryShort, activity.holdsMemory, now - activity.progress >= Self.shortage {
                return
                    "memory is short and less than \(Limits.minProgressBytes) bytes of a frame arrived in two seconds"
            }
            return waited >= TimeAmount(frame) ? "a frame was incomplete after \(frame)" : nil
        }
        if !activity.isKnown {
            return waited >= TimeAmount(hello) ? "no HELLO or chunk within \(hello)" : nil
        }
        return waited >= TimeAmount(idle) ? "nothing was sent within \(idle)" : nil
    }
}

/// The instants of a connection's last activity and progress; pure.
package struct ActivityClock: Sendable {
    /// See ``ConnectionDeadlines/Activity/since``.
    package var since: NIODeadline
    private var progress: NIODeadline
    private var progressBytes = 0

    package init(now: NIODeadline) {
        since = now
        progress = now
    }

    /// Restarts the progress measurement: a frame begins, or resumes after a wait that its peer did not cause.
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
            // A HELLO must arrive within the deadline of an unknown peer.
            isInsideFrame: intake.isInsideFrame && (isKnown || !isNative), holdsMemory: intake.holdsMemory,
            waitsForMemory: waitsForMemory, hasHeldFrames: intake.heldFrames > 0)
    }
}
