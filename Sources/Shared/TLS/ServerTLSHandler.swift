private import Glibc
package import NIOCore
internal import NIOSSL
private import NIOTLS

/// The handler between TLS and a connection's own: adds that one when the handshake is complete, and ends handshakes that
/// are not.
///
/// A peer's end of input without close_notify is not an error: frames have lengths, so nothing can be cut unnoticed.
///
/// Isolation: its event loop only.
package final class ServerTLSHandler: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer

    /// The reaction to the end of a handshake.
    package struct Actions {
        /// Adds the connection's own handler to the pipeline.
        ///
        /// The client's certificate; nil without one.
        package var complete: (_ client: ClientCertificate?) throws -> Void
        package var fail: (_ reason: String) -> Void

        package init(
            complete: @escaping (_ client: ClientCertificate?) throws -> Void,
            fail: @escaping (_ reason: String) -> Void
        ) {
            self.complete = complete
            self.fail = fail
        }
    }

    /// Nil once the handshake has ended.
    private var actions: Actions?
    private let tls: NIOSSLServerHandler
    private let deadline: TimeAmount
    private var expiry: Scheduled<Void>?

    /// Adds TLS to a new channel.
    ///
    /// - Parameter deadline: for the whole handshake.
    package static func add(
        _ tls: ServerTLS, to channel: any Channel, deadline: TimeAmount, _ actions: Actions
    ) throws {
        let handler = tls.makeHandler()
        try channel.pipeline.syncOperations.addHandlers([
            handler, ServerTLSHandler(handler, deadline: deadline, actions),
        ])
    }

    private init(_ tls: NIOSSLServerHandler, deadline: TimeAmount, _ actions: Actions) {
        self.tls = tls
        self.deadline = deadline
        self.actions = actions
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        expiry = context.eventLoop.assumeIsolated().scheduleTask(in: deadline) { [self] in
            fail("the handshake was incomplete after \(Duration.nanoseconds(deadline.nanoseconds))")
            context.close(promise: nil)
        }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent, let actions {
            endHandshake()
            do {
                try actions.complete(try client())
            } catch {
                actions.fail(TLSFault.text(error))
                context.close(promise: nil)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if actions != nil { return fail(TLSFault.text(error)) }  // TLS closes the channel
        if case NIOSSLError.uncleanShutdown = error { return }
        context.fireErrorCaught(error)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        fail("it disconnected during the handshake")
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        endHandshake()
    }

    /// - Throws: the certificate has ended since a session that is resumed began.
    private func client() throws -> ClientCertificate? {
        guard let certificate = tls.peerCertificate else { return nil }
        guard certificate.notValidAfter >= time(nil) else { throw EndedCertificate() }
        return ClientCertificate(
            publicKey: try certificate.extractPublicKey().toSPKIBytes(), endsAt: Int(certificate.notValidAfter))
    }

    private func fail(_ reason: String) {
        guard let actions else { return }
        endHandshake()
        actions.fail(reason)
    }

    private func endHandshake() {
        actions = nil
        expiry?.cancel()
        expiry = nil
    }
}

/// The facts of a client's certificate.
package struct ClientCertificate: Sendable {
    /// The SubjectPublicKeyInfo, in DER.
    package var publicKey: [UInt8]
    /// In seconds since 1970.
    package var endsAt: Int
}

private struct EndedCertificate: Error, CustomStringConvertible {
    var description: String { TLSFault.invalid }
}
