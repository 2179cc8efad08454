#if JetStream
import Domain

/// The parts of JetStream's replies that are used; names as the engine writes them.
enum EngineReply {
    struct Failure: Decodable, CustomStringConvertible {
        /// The subject's last message is another one than expected.
        static let wrongLastSequence = 10071
        static let noMessage = 10037

        var code: Int?
        var err_code: Int?
        var description: String
    }

    /// To a publish.
    struct Publish: Decodable {
        var seq: UInt64?
        var error: Failure?
    }

    /// To a read of one message.
    struct Read: Decodable {
        struct Message: Decodable {
            var subject: String
            var seq: UInt64
            /// In base 64; absent for an empty one.
            var data: String?
            /// As `2026-11-27T06:24:54.123456789Z`, without the zeros at the end.
            var time: String?

            /// The time, to the millisecond; nil for one of another form.
            var storedAt: Instant? {
                guard let parts = time?.dropLast().split(separator: "."), let seconds = parts.first else { return nil }
                let fraction = parts.count > 1 ? parts[1].prefix(3) : ""
                return Instant("\(seconds).\(fraction)\(String(repeating: "0", count: 3 - fraction.count))Z")
            }
        }

        var message: Message?
        var error: Failure?
    }

    /// To a question about a stream.
    struct Stream: Decodable {
        struct State: Decodable {
            var num_subjects: Int?
            var subjects: [String: Int]?
        }

        struct Cluster: Decodable {
            struct Replica: Decodable {
                var name: String
                var current: Bool?
                var offline: Bool?
                /// The operations that it lacks.
                var lag: Int?
            }

            var leader: String?
            var replicas: [Replica]?
        }

        var config: StreamSettings.Found?
        var state: State?
        var cluster: Cluster?
        var error: Failure?
    }

    /// Of a server, to the system request VARZ.
    struct Server: Decodable {
        struct Identity: Decodable {
            var name: String
            var ver: String
        }

        struct Variables: Decodable {
            struct JetStream: Decodable {
                struct Config: Decodable {
                    var sync_always: Bool?
                }

                struct Meta: Decodable {
                    var cluster_size: Int?
                }

                var config: Config?
                var meta: Meta?
            }

            var max_payload: Int
            var jetstream: JetStream?
        }

        var server: Identity
        var data: Variables
    }
}
#endif
