// Runs a step on the libuv pool: bytes in, a Promise of bytes out.

#ifndef FINEGRAIN_JOB_H
#define FINEGRAIN_JOB_H

#include "error.h"
#include "fatal.h"
#include <napi.h>
#include <optional>

namespace finegrain {

// An Error with the step's code, or a plain one where LLVM gave no code.
inline Napi::Value toJsError(Napi::Env Env, llvm::Error Failure) {
  std::string Code = "INTERNAL", Message;
  llvm::handleAllErrors(
      std::move(Failure),
      [&](const StepError &E) {
        Code = E.code();
        Message += E.text();
      },
      [&](const llvm::ErrorInfoBase &E) { Message += E.message(); });
  Napi::Error Result = Napi::Error::New(Env, Message);
  Result.Value().Set("code", Code);
  return Result.Value();
}

// Work returns llvm::Expected<Result>; ToJs turns the Result into a value.
// Inputs keeps the JavaScript values alive whose bytes Work reads.
template <class Result, class Work, class ToJs>
class Job final : public Napi::AsyncWorker {
public:
  Job(Napi::Env Env, Napi::Object Inputs, Work DoWork, ToJs Convert)
      : AsyncWorker(Env), Deferred(Napi::Promise::Deferred::New(Env)),
        Inputs(Napi::Persistent(Inputs)), DoWork(std::move(DoWork)),
        Convert(std::move(Convert)) {}

  Napi::Promise promise() const { return Deferred.Promise(); }

private:
  // Errors of LLVM are values.
  void Execute() override { Outcome.emplace(resultOf<Result>(DoWork)); }

  void OnOK() override {
    Napi::Env Env = this->Env();
    Napi::HandleScope Scope(Env);
    if (llvm::Error Failure = Outcome->takeError())
      Deferred.Reject(toJsError(Env, std::move(Failure)));
    else
      Deferred.Resolve(Convert(Env, **Outcome));
  }

  void OnError(const Napi::Error &Failure) override {
    Deferred.Reject(Failure.Value());
  }

  Napi::Promise::Deferred Deferred;
  Napi::ObjectReference Inputs;
  Work DoWork;
  ToJs Convert;
  std::optional<llvm::Expected<Result>> Outcome;
};

template <class Result, class Work, class ToJs>
Napi::Value runJob(const Napi::CallbackInfo &Info, Work DoWork, ToJs Convert) {
  // The arguments hold every buffer that the step reads.
  Napi::Array Inputs = Napi::Array::New(Info.Env(), Info.Length());
  for (size_t I = 0; I != Info.Length(); ++I)
    Inputs.Set(I, Info[I]);
  auto *Started = new Job<Result, Work, ToJs>(
      Info.Env(), Inputs, std::move(DoWork), std::move(Convert));
  Napi::Promise Promise = Started->promise();
  Started->Queue();
  return Promise;
}

} // namespace finegrain

#endif
