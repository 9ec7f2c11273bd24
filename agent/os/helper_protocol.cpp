#include "agent/os/helper_protocol.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace dbagent::os {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kErrorFields = 6;

Status Invalid(std::string_view cause) {
  return Error(Code::kInvalidArgument, "PACKET_INVALID",
               "unable to read a packet of dbagent-helper's socket: {}", cause);
}

Status Gone(std::string_view cause) {
  return Error(Code::kUnavailable, "HELPER_GONE", "unable to talk to dbagent-helper: {}", cause)
      .AsRetryable();
}

// Takes the descriptors out of a message, so that none is leaked whatever else is wrong with it.
void TakeDescriptors(const msghdr& message, std::vector<UniqueFd>& into) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(const_cast<msghdr*>(&message), part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      into.emplace_back(fd);
    }
  }
}

Status WaitReadable(const OpContext& ctx, int socket) {
  const UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return Gone(std::strerror(errno));
  const std::stop_callback on_stop(ctx.stop(), [&] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake.get(), &one, sizeof one);  // once: it fits
  });
  for (;;) {
    std::array<pollfd, 2> fds = {{{socket, POLLIN, 0}, {wake.get(), POLLIN, 0}}};
    const auto remaining = ctx.deadline().Remaining(std::chrono::minutes(1));
    if (poll(fds.data(), fds.size(), static_cast<int>(remaining.count())) < 0 && errno != EINTR)
      return Gone(std::strerror(errno));
    if (fds[0].revents != 0) return Ok();
    RETURN_IF_ERROR(ctx.Poll());
  }
}

}  // namespace

std::string EncodeFields(const Fields& fields) {
  std::string packet;
  for (const std::string& field : fields) {
    for (std::size_t byte = 0; byte < kLengthBytes; ++byte)
      packet += static_cast<char>((field.size() >> (8 * byte)) & 0xffU);
    packet += field;
  }
  return packet;
}

Result<Fields> DecodeFields(std::string_view packet) {
  Fields fields;
  while (!packet.empty()) {
    if (packet.size() < kLengthBytes) return Invalid("it ends within a length");
    std::size_t size = 0;
    for (std::size_t byte = 0; byte < kLengthBytes; ++byte)
      size |= std::size_t{static_cast<unsigned char>(packet[byte])} << (8 * byte);
    packet.remove_prefix(kLengthBytes);
    if (size > packet.size()) return Invalid("it ends within a text");
    fields.emplace_back(packet.substr(0, size));
    packet.remove_prefix(size);
  }
  return fields;
}

Status SendPacket(int socket, const Fields& fields, const std::vector<int>& descriptors) {
  std::string packet = EncodeFields(fields);
  if (packet.size() > kMostPacketBytes || descriptors.size() > kMostDescriptors) {
    return Error(Code::kInvalidArgument, "PACKET_INVALID",
                 "unable to send {} bytes and {} descriptors to dbagent-helper: at most {} and {}",
                 packet.size(), descriptors.size(), kMostPacketBytes, kMostDescriptors);
  }
  iovec part{packet.data(), packet.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  if (!descriptors.empty()) {
    const std::size_t bytes = descriptors.size() * sizeof(int);
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(header), descriptors.data(), bytes);
  }
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0 ? Ok() : Gone(std::strerror(errno));
}

Result<std::optional<Packet>> ReceivePacket(const OpContext& ctx, int socket) {
  RETURN_IF_ERROR(WaitReadable(ctx, socket));
  std::string bytes(kMostPacketBytes, '\0');
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = 0;
  do {
    got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return Gone(std::strerror(errno));
  Packet packet;
  TakeDescriptors(message, packet.descriptors);
  if (got == 0) return std::optional<Packet>();
  if ((message.msg_flags & MSG_TRUNC) != 0) return Invalid("it is too long");
  if ((message.msg_flags & MSG_CTRUNC) != 0) return Invalid("it has too many descriptors");
  bytes.resize(static_cast<std::size_t>(got));
  ASSIGN_OR_RETURN(packet.fields, DecodeFields(bytes));
  return std::optional<Packet>(std::move(packet));
}

Fields ErrorFields(const Status& status) {
  Fields fields = {"error",         std::to_string(static_cast<int>(status.code())),
                   status.reason(), status.FullMessage(),
                   status.hint(),   status.retryable() ? "1" : "0"};
  for (const auto& [key, value] : status.metadata()) {
    fields.push_back(key);
    fields.push_back(value);
  }
  return fields;
}

Status StatusOf(const Fields& fields) {
  int code = 0;
  if (fields.size() < kErrorFields || fields.size() % 2 != 0 || fields[0] != "error" ||
      std::from_chars(fields[1].data(), fields[1].data() + fields[1].size(), code).ec !=
          std::errc() ||
      code <= 0 || code > static_cast<int>(Code::kUnauthenticated))
    return Invalid("it is no answer");
  Status status(static_cast<Code>(code), fields[2], fields[3]);
  if (!fields[4].empty()) status = std::move(status).WithHint(fields[4]);
  if (fields[5] == "1") status = std::move(status).AsRetryable();
  for (std::size_t i = kErrorFields; i < fields.size(); i += 2)
    status = std::move(status).WithField(fields[i], fields[i + 1]);
  return status;
}

}  // namespace dbagent::os
