package import NIOCore

/// The memory that all connections of one event loop read into, one after the other.
///
/// So a connection that waits holds none, and what was read is still in the CPU's cache when it is framed. The handler
/// takes from it what it needs and gives it back before the next connection reads; where it does not, the next one gets
/// memory of its own.
///
/// Isolation: its event loop only.
package final class ReadBuffer {
    private let byteCount: Int
    private var spare: ByteBuffer?

    /// - Parameter byteCount: the most that one read takes from a socket.
    package init(byteCount: Int) {
        self.byteCount = byteCount
    }

    /// Takes the memory back.
    ///
    /// Its bytes are overwritten by the next read. Memory of another size is let go.
    package func giveBack(_ buffer: ByteBuffer) {
        guard buffer.capacity >= byteCount else { return }
        var buffer = buffer
        // Not clear(): it would allocate, for the channel still refers to the buffer while its handler runs.
        buffer.moveReaderIndex(to: 0)
        buffer.moveWriterIndex(to: 0)
        spare = buffer
    }

    fileprivate func take(_ allocator: ByteBufferAllocator) -> ByteBuffer {
        defer { spare = nil }
        return spare ?? allocator.buffer(capacity: byteCount)
    }
}

/// Gives a channel its loop's ``ReadBuffer`` for each read.
///
/// But for the first: a channel keeps its first buffer for good, so that one is as small as a HELLO.
struct ReadBufferAllocator: RecvByteBufferAllocator {
    private static let firstBytes = 32
    private let readBuffer: NIOLoopBoundBox<ReadBuffer>
    private var hasRead = false

    init(_ readBuffer: NIOLoopBoundBox<ReadBuffer>) {
        self.readBuffer = readBuffer
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        hasRead ? readBuffer.value.take(allocator) : allocator.buffer(capacity: Self.firstBytes)
    }

    /// - Returns: true, that the next buffer is another: otherwise the channel would read into its first for ever.
    mutating func record(actualReadBytes: Int) -> Bool {
        hasRead = true
        return true
    }
}
