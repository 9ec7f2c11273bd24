#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/unique_fd.h"

namespace dbagent::tests {

// A request as it came.
struct HeardRequest {
  std::string method, target;                  // `/b/key?query`
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  std::string path() const { return target.substr(0, target.find('?')); }
};

// One connection's answer to one request.
class Reply {
 public:
  explicit Reply(int fd) : fd_(fd) {}
  // A whole answer; Content-Length is added.
  void Send(int status, const std::vector<std::string>& headers = {}, const std::string& body = {});
  // These bytes as they are.
  void Raw(std::string_view bytes);
  // The next bytes are never sent: a reset, not an orderly end.
  void Reset();
  // An orderly end.
  void End() { closed_ = true; }
  bool closed() const { return closed_; }

 private:
  const int fd_;
  bool closed_ = false;
};

// A store over HTTP that lies on request. Each request takes the next fault of the script; when
// there is none, it is answered honestly from memory, as S3 and Swift do for PUT (with
// `If-None-Match: *`), GET, HEAD and DELETE of an object, and Swift for a listing. Not a stand-in
// for a real store: it checks no signature.
class ScriptedStore {
 public:
  // True: the fault gave the answer; false: the honest one follows.
  using Fault = std::function<bool(const HeardRequest&, Reply&)>;

  explicit ScriptedStore(bool ipv6 = false);
  ~ScriptedStore();
  ScriptedStore(const ScriptedStore&) = delete;
  ScriptedStore& operator=(const ScriptedStore&) = delete;

  std::string url() const;
  void Next(Fault fault, int times = 1);
  // Before each request that finds no fault in the script.
  void Always(Fault fault);
  std::vector<HeardRequest> heard() const;
  std::map<std::string, std::string> objects() const;  // path → content
  int connections() const { return connections_; }
  int most_at_once() const { return most_at_once_; }
  // Stores what a PUT brought, without an answer.
  void Keep(const HeardRequest& request);
  bool ignore_conditions = false;
  // From now on listings show the objects that there are now; as they are with `false`.
  void FreezeListings(bool frozen);

 private:
  struct Object {
    std::string content;
    std::map<std::string, std::string> metadata;
  };
  void Accept();
  void Serve(int fd);
  bool Read(int fd, std::string& pending, HeardRequest& request);
  void Answer(const HeardRequest& request, Reply& reply);
  void AnswerHonestly(const HeardRequest& request, Reply& reply);
  std::string ListingOf(const HeardRequest& request) const;

  const bool ipv6_;
  UniqueFd listener_;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::deque<Fault> script_;
  Fault always_;
  std::vector<HeardRequest> heard_;
  std::map<std::string, Object> objects_;
  std::optional<std::map<std::string, Object>> listed_;  // unless that is what there is
  std::list<std::thread> threads_;
  std::vector<int> open_;
  std::atomic<bool> ending_ = false;
  std::atomic<int> connections_ = 0, at_once_ = 0, most_at_once_ = 0;
};

// Faults.
ScriptedStore::Fault AnswerWith(int status, std::vector<std::string> headers = {},
                                std::string body = {});
// S3's error document.
std::string S3ErrorBody(const std::string& code, const std::string& more = {});

}  // namespace dbagent::tests
