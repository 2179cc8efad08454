private import Domain
private import NIOConcurrencyHelpers
private import NIOCore
internal import NIOSSL
private import Platform
package import Shell
private import Storage

/// The certificate, key and client roots of a service's ports, followed as their files change.
///
/// TLS 1.3 only. A client may present a certificate; if it does, a client root must have signed it, and its public key is
/// what the roster compares. A client without one may still prove itself with a token.
///
/// Isolation: any thread; one thread calls ``reload()``.
package final class ServerTLS: Sendable {
    /// A change of the files.
    package enum Change: Equatable, Sendable {
        /// New connections use the new files.
        case replaced(TLSStatus)
        /// The files are faulty, for example half replaced: those before them stay in use.
        case faulty(String)
    }

    private struct State: Sendable {
        var lastLook = ContinuousClock.now
        var context: NIOSSLContext
        var stamps: [FileStamp?]
        var status: TLSStatus
    }

    private let files: ServiceConfiguration.TLS
    private let state: NIOLockedValueBox<State>

    /// Reads the files; blocks.
    ///
    /// - Throws: ``ConfigurationError`` with what is wrong in which file.
    package init(_ files: ServiceConfiguration.TLS) throws(ConfigurationError) {
        self.files = files
        let stamps = Self.stamps(files)
        let (context, status) = try Self.load(files)
        state = NIOLockedValueBox(State(context: context, stamps: stamps, status: status))
    }

    package var status: TLSStatus { state.withLockedValue { $0.status } }

    /// Reads the files again if the interval is over and one has changed; blocks.
    ///
    /// Certificate and key change together or not at all.
    ///
    /// - Returns: what has changed; nil if nothing has.
    package func reload() -> Change? {
        let isDue = state.withLockedValue { state in
            guard state.lastLook.duration(to: .now) >= files.reload else { return false }
            state.lastLook = .now
            return true
        }
        guard isDue else { return nil }
        let stamps = Self.stamps(files)
        guard stamps != state.withLockedValue({ $0.stamps }) else { return nil }
        do throws(ConfigurationError) {
            let (context, status) = try Self.load(files)
            state.withLockedValue { $0 = State(context: context, stamps: stamps, status: status) }
            return .replaced(status)
        } catch {
            let reason = "\(error)"
            state.withLockedValue {
                $0.stamps = stamps
                $0.status.fault = reason
            }
            return .faulty(reason)
        }
    }

    /// Makes the handler of one connection.
    internal func makeHandler() -> NIOSSLServerHandler {
        NIOSSLServerHandler(context: state.withLockedValue { $0.context })
    }

    private static func stamps(_ files: ServiceConfiguration.TLS) -> [FileStamp?] {
        ([files.certificate, files.key] + files.clientRoots).map { PosixDisk().stamp($0) }
    }

    private static func load(_ files: ServiceConfiguration.TLS) throws(ConfigurationError) -> (NIOSSLContext, TLSStatus)
    {
        let pair = try KeyPair(certificate: files.certificate, key: files.key)
        var roots: [NIOSSLCertificate] = []
        for path in files.clientRoots { roots += try KeyPair.certificates(path) }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: pair.sources, privateKey: .privateKey(pair.key))
        configuration.minimumTLSVersion = .tlsv13
        configuration.certificateVerification = roots.isEmpty ? .none : .optionalVerification
        configuration.trustRoots = .certificates(roots)
        configuration.verifySignatureAlgorithms = KeyPair.signatureAlgorithms
        // A peer that does not answer the end of a connection keeps nothing open for long.
        configuration.shutdownTimeout = .milliseconds(200)
        do {
            return (try NIOSSLContext(configuration: configuration), TLSStatus(validTo: pair.validTo))
        } catch {
            throw ConfigurationError(["\(files.certificate): \(TLSFault.text(error))"])
        }
    }
}

/// The certificate in use, for `status` and the control sockets.
package struct TLSStatus: Codable, Equatable, Sendable {
    /// The end of the service's certificate, in seconds since 1970.
    package var validTo: Int
    /// Why the files are not in use, but those before them; nil if they are.
    package var fault: String?

    package var lines: [String] {
        let end = Instant(milliseconds: UInt64(max(0, validTo)) * 1000)
        return ["TLS 1.3; the certificate ends at \(end)"]
            + (fault.map { ["the certificate's files are faulty, those before them are in use: \($0)"] } ?? [])
    }
}

extension LogEvent {
    /// - Parameter end: of the certificate, in seconds since 1970.
    package static func certificate(endsAt end: Int) -> LogEvent {
        let days = (end - Int(SystemCall.unixMilliseconds() / 1000)) / 86_400
        return certificate(
            until: Instant(milliseconds: UInt64(max(0, end)) * 1000), days: days, endsSoon: days < KeyPair.warningDays)
    }

    package static func certificateChanged(_ change: ServerTLS.Change) -> LogEvent {
        switch change {
        case .replaced(let status): certificate(endsAt: status.validTo)
        case .faulty(let reason): certificateFaulty(reason: reason)
        }
    }
}
