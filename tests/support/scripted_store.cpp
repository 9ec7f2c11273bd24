#include "tests/support/scripted_store.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "agent/base/bytes.h"
#include "agent/base/url.h"

namespace dbagent::tests {
namespace {

std::string Md5(const std::string& text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_md5(), nullptr);
  return ToHex(std::as_bytes(std::span(digest, size)));
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

void Reply::Send(int status, const std::vector<std::string>& headers, const std::string& body) {
  std::string text = fmt::format("HTTP/1.1 {} Scripted\r\n", status);
  for (const std::string& header : headers) text += header + "\r\n";
  Raw(text + fmt::format("Content-Length: {}\r\n\r\n", body.size()) + body);
}

void Reply::Raw(std::string_view bytes) {
  while (!bytes.empty() && !closed_) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      closed_ = true;
      return;
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void Reply::Reset() {
  const linger at_once{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  closed_ = true;
}

ScriptedStore::ScriptedStore(bool ipv6)
    : ipv6_(ipv6), listener_(socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_storage address{};
  socklen_t size = 0;
  if (ipv6) {
    auto& six = reinterpret_cast<sockaddr_in6&>(address);
    six.sin6_family = AF_INET6;
    six.sin6_addr = in6addr_loopback;
    size = sizeof six;
  } else {
    auto& four = reinterpret_cast<sockaddr_in&>(address);
    four.sin_family = AF_INET;
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    size = sizeof four;
  }
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_.get(), plain, size) != 0 || listen(listener_.get(), 64) != 0 ||
      getsockname(listener_.get(), plain, &size) != 0)
    std::abort();
  port_ = ntohs(ipv6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                     : reinterpret_cast<sockaddr_in&>(address).sin_port);
  threads_.emplace_back([this] { Accept(); });
}

ScriptedStore::~ScriptedStore() {
  ending_ = true;
  shutdown(listener_.get(), SHUT_RDWR);
  threads_.front().join();  // from here on no thread is added
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  threads_.pop_front();
  for (std::thread& thread : threads_) thread.join();
}

std::string ScriptedStore::url() const {
  return fmt::format("http://{}:{}", ipv6_ ? "[::1]" : "127.0.0.1", port_);
}

void ScriptedStore::Next(Fault fault, int times) {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < times; ++i) script_.push_back(fault);
}

void ScriptedStore::Always(Fault fault) {
  const std::lock_guard lock(mutex_);
  always_ = std::move(fault);
}

std::vector<HeardRequest> ScriptedStore::heard() const {
  const std::lock_guard lock(mutex_);
  return heard_;
}

std::map<std::string, std::string> ScriptedStore::objects() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::string> contents;
  for (const auto& [path, object] : objects_) contents[path] = object.content;
  return contents;
}

void ScriptedStore::Accept() {
  while (!ending_) {
    const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ++connections_;
    const std::lock_guard lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd] { Serve(fd); });
  }
}

void ScriptedStore::Serve(int fd) {
  std::string pending;
  HeardRequest request;
  while (Read(fd, pending, request)) {
    Reply reply(fd);
    const int now = ++at_once_;
    for (int most = most_at_once_; now > most && !most_at_once_.compare_exchange_weak(most, now);) {
    }
    Answer(request, reply);
    --at_once_;
    if (reply.closed()) break;
    request = {};
  }
  const std::lock_guard lock(mutex_);
  std::erase(open_, fd);
  close(fd);
}

bool ScriptedStore::Read(int fd, std::string& pending, HeardRequest& request) {
  char buffer[65536];
  const auto more = [&] {
    const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got > 0) pending.append(buffer, static_cast<std::size_t>(got));
    return got > 0;
  };
  std::size_t end = 0;
  while ((end = pending.find("\r\n\r\n")) == std::string::npos) {
    if (!more()) return false;
  }
  std::string head = pending.substr(0, end + 2);
  pending.erase(0, end + 4);
  const std::size_t space = head.find(' ');
  request.method = head.substr(0, space);
  request.target = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
  for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
    const std::size_t line_end = head.find("\r\n", at);
    const std::string line = head.substr(at, line_end - at);
    const std::size_t colon = line.find(':');
    request.headers[Lower(line.substr(0, colon))] = line.substr(std::min(colon + 2, line.size()));
    at = line_end + 2;
  }
  const std::size_t length = std::strtoul(request.headers["content-length"].c_str(), nullptr, 10);
  if (request.headers.contains("expect")) Reply(fd).Raw("HTTP/1.1 100 Continue\r\n\r\n");
  while (pending.size() < length) {
    if (!more()) return false;
  }
  request.body = pending.substr(0, length);
  pending.erase(0, length);
  return true;
}

void ScriptedStore::Answer(const HeardRequest& request, Reply& reply) {
  Fault fault;
  {
    const std::lock_guard lock(mutex_);
    heard_.push_back(request);
    fault = always_;
    if (!script_.empty()) {
      fault = std::move(script_.front());
      script_.pop_front();
    }
  }
  if (!fault || !fault(request, reply)) AnswerHonestly(request, reply);
}

void ScriptedStore::Keep(const HeardRequest& request) {
  Object object{request.body, {}};
  for (const auto& [name, value] : request.headers) {
    if (name.find("-meta-") != std::string::npos) object.metadata[name] = value;
  }
  const std::lock_guard lock(mutex_);
  objects_[request.path()] = std::move(object);
}

void ScriptedStore::FreezeListings(bool frozen) {
  const std::lock_guard lock(mutex_);
  listed_.reset();
  if (frozen) listed_ = objects_;
}

// Of a container, by prefix, with the delimiter `/`, after a marker.
std::string ScriptedStore::ListingOf(const HeardRequest& request) const {
  std::map<std::string, std::string> query;
  for (std::size_t at = request.target.find('?'); at != std::string::npos;) {
    const std::size_t end = request.target.find('&', at + 1);
    const std::string pair =
        request.target.substr(at + 1, end == std::string::npos ? end : end - at - 1);
    const std::size_t equals = pair.find('=');
    query[pair.substr(0, equals)] = PercentDecode(pair.substr(equals + 1));
    at = end;
  }
  const std::string place = request.path() + "/", &prefix = query["prefix"];
  const std::size_t limit = std::stoul(query["limit"]);
  std::map<std::string, std::string> entries;  // in order; a folder once
  for (const auto& [path, object] : listed_ ? *listed_ : objects_) {
    if (!path.starts_with(place)) continue;
    const std::string name = PercentDecode(path.substr(place.size()));
    if (!name.starts_with(prefix)) continue;
    const std::size_t slash = name.find('/', prefix.size());
    const std::string shown = slash == std::string::npos ? name : name.substr(0, slash + 1);
    if (shown <= query["marker"]) continue;
    entries[shown] = slash == std::string::npos ? fmt::format(R"({{"name":"{}","bytes":{}}})",
                                                              shown, object.content.size())
                                                : fmt::format(R"({{"subdir":"{}"}})", shown);
  }
  std::string json;
  for (const auto& [name, entry] : entries) {
    if (std::count(json.begin(), json.end(), '{') == static_cast<std::ptrdiff_t>(limit)) break;
    json += (json.empty() ? "" : ",") + entry;
  }
  return "[" + json + "]";
}

void ScriptedStore::AnswerHonestly(const HeardRequest& request, Reply& reply) {
  std::unique_lock lock(mutex_);
  const std::string path = request.path();
  const auto found = objects_.find(path);
  const bool of_place = std::count(path.begin(), path.end(), '/') < 2;
  if (request.method == "PUT") {
    if (found != objects_.end() && request.headers.contains("if-none-match") && !ignore_conditions)
      return reply.Send(412);
    lock.unlock();
    Keep(request);
    return reply.Send(201, {"ETag: \"" + Md5(request.body) + "\""});
  }
  if (request.method == "DELETE") {
    objects_.erase(path);
    return reply.Send(204);
  }
  if (request.method == "GET" && request.target.find("format=json") != std::string::npos)
    return reply.Send(200, {"Content-Type: application/json"}, ListingOf(request));
  if (of_place && found == objects_.end()) return reply.Send(200);
  if (found == objects_.end()) {
    return reply.Send(404, {}, request.method == "HEAD" ? "" : S3ErrorBody("NoSuchKey"));
  }
  std::vector<std::string> headers = {"ETag: \"" + Md5(found->second.content) + "\""};
  for (const auto& [name, value] : found->second.metadata) headers.push_back(name + ": " + value);
  const std::string content = found->second.content;
  lock.unlock();
  if (request.method == "GET") return reply.Send(200, headers, content);
  reply.Send(200, headers);  // of HEAD: a length of nothing, which nobody reads
}

ScriptedStore::Fault AnswerWith(int status, std::vector<std::string> headers, std::string body) {
  return [=](const HeardRequest& request, Reply& reply) {
    reply.Send(status, headers, request.method == "HEAD" ? "" : body);
    return true;
  };
}

std::string S3ErrorBody(const std::string& code, const std::string& more) {
  return fmt::format(
      "<?xml version=\"1.0\"?><Error><Code>{}</Code><Message>scripted</Message>"
      "<RequestId>req-1</RequestId>{}</Error>",
      code, more);
}

}  // namespace dbagent::tests
