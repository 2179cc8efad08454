package import NIOCore

/// The buffer that all connections of one event loop read into.
///
/// Idle connections therefore hold no buffer, and read bytes are still in the CPU's cache when they are framed. The
/// handler copies what it needs and gives the buffer back before the next connection reads; if it does not, the next
/// one gets a new buffer.
///
/// Isolation: its event loop only.
package final class ReadBuffer {
    private let byteCount: Int
    private var spare: ByteBuffer?

    /// - Parameter byteCount: the most that one read takes from a socket.
    package init(byteCount: Int) {
        self.byteCount = byteCount
    }

    /// Takes the buffer back; releases a smaller one.
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

/// A handler that gives encrypted bytes back to the loop's buffer once TLS has copied them.
///
/// Isolation: its event loop only.
final class ReadBufferReturn: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// The most that one read of an encrypted connection takes: with what TLS keeps of an incomplete record, it fits into
    /// the 32 KiB that TLS decrypts into, which would otherwise grow and stay with the connection.
    static let byteCount = 16 << 10

    private let readBuffer: ReadBuffer

    init(_ readBuffer: ReadBuffer) {
        self.readBuffer = readBuffer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireChannelRead(data)
        readBuffer.giveBack(unwrapInboundIn(data))
    }
}

/// An allocator that gives a channel its loop's ``ReadBuffer`` for each read.
///
/// The first buffer is an exception: a channel keeps that one permanently, so it is as small as a HELLO.
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

    /// - Returns: always true, so that the channel asks for a new buffer instead of reusing its first one.
    mutating func record(actualReadBytes: Int) -> Bool {
        hasRead = true
        return true
    }
}
