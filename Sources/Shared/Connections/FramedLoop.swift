package import NIOCore

/// The connections of one event loop and their shared state.
///
/// Isolation: its event loop only.
package final class FramedLoop {
    package let eventLoop: any EventLoop
    package let readBuffer: ReadBuffer
    /// Nil if frames are small enough to need no reservation.
    let budget: FrameBudget?
    /// Each stores its index here.
    private var handlers: [FramedChannelHandler] = []

    package init(eventLoop: any EventLoop, readBuffer: ReadBuffer, budget: FrameBudget?) {
        self.eventLoop = eventLoop
        self.readBuffer = readBuffer
        self.budget = budget
    }

    package var now: NIODeadline { eventLoop.now }

    func add(_ handler: FramedChannelHandler) {
        handler.loopIndex = handlers.count
        handlers.append(handler)
    }

    func remove(_ handler: FramedChannelHandler) {
        let last = handlers.removeLast()
        guard last !== handler else { return }
        last.loopIndex = handler.loopIndex
        handlers[handler.loopIndex] = last
    }

    /// Ends overdue connections; 15,000 cost about a millisecond.
    package func sweep() {
        let (now, isShort) = (now, budget?.isShort ?? false)
        // Ending a handler may remove it and move the last one to its index.
        for handler in handlers { handler.expire(now: now, isMemoryShort: isShort) }
    }

    package func forEach(_ body: (FramedChannelHandler) -> Void) {
        for handler in handlers { body(handler) }
    }
}
