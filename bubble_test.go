package tether_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// bubbled are the tests that run outside of bubbles as they stand, and could
// run inside. The next test but one keeps the list complete.
var bubbled = []func(*testing.T){
	TestWithPanicHandler_AChildMayHaveItsOwn,
	TestDestroy_ACircleOfThreeGoroutinesDoesNotDeadlock,
	TestDestroy_ACleanupThatPanicsInATeardownThatComesDueByAnotherOnes,
	TestDestroy_InACleanupInsideAFireMayBeOfTheNextHandlersOwner,
	TestSignal_AClosedOneIsDead,
	TestOwn_AClosersErrorGoesUpToTheOwnerThatIsDestroyed,
	TestLeak_AClosureIsGarbageWhileAnOldFireStillWalksItsBlock,
	TestSignal_AConnectionMadeBeforeIsCalledByEveryFireWhateverMovesItMeanwhile,
	TestWhileActive_AConnectionOnADeadQueueIsNotAnActivity,
	TestWhileActive_AConnectionOnAQueueStandsWhenItPanics,
	TestWhileActive_AConnectionThatStandsAfterItsPanicEndsWithItsQueue,
	TestOwner_ADestroyedChildIsForgottenByItsParent,
	TestBudget_AFireOfAnyTypeAllocatesNothing,
	TestSignal_AHandlersPanicGoesOnToTheCallerOfFireWhenTheRestHasRun,
	TestHeartbeat_MayBeUsedFromManyGoroutines,
	TestOwner_AHundredThousandThreeDeepGoWithOneCall,
	TestConnection_AMutedOnceIsNotSpent,
	TestQueue_AOnceThatFindsNoRoomIsNotSpent,
	TestQueue_DrainPassesAPanicOnWhenTheRestIsHandled,
	TestWithPanicHandler_OneThatPanicsDoesNotStopTheRest,
	TestInterrupt_APanicGoesOnAndTheTeardownCompletes,
	TestSignal_APanicOfATeardownInsideAFireIsNotTheNextOwnersToSupervise,
	TestPendingError_ListsAQueuedHandlerOnceAndByName,
	TestBudget_AQueueAllocatesNothingForItsValues,
	TestQueue_DropsOtherValuesBeforeThatOfASpentOnce,
	TestQueue_EndsItsConnectionsWhenItEnds,
	TestQueue_HandlesOneValueAtATimeUnderConcurrentFires,
	TestQueue_HandlesTheValuesOfSeveralSignalsInTheOrderOfFiring,
	TestQueue_OfADeadOwnerIsDead,
	TestQueue_SharedByConnectionsOfOneSignalKeepsTheirOrder,
	TestQueue_AHandlersClosureIsGarbageAtTheCutOff,
	TestSignal_ATeardownInsideAFireMayPanicAndTheRestStillRuns,
	TestAfterFunc_ATimerOnItsWayAtTheCutOffIsWaitedForAndDoesNothing,
	TestDestroy_ByAnOwnedGoroutineOfItsOwnerCompletesWhenItReturns,
	TestBudget_AnOwnerThatComesAndGoesAllocatesThreeTimes,
	TestCancel_OfAQuietOwnerIsCompleteAtOnce,
	TestCancel_UnderALockThatHandlersAndCleanupsWant,
	TestLeak_ChildrenMadeAndDestroyedLeaveTheHeapFlat,
	TestCloseInTurn_ADestroyBeforeItsTurnLeavesTheSignalToItsTurn,
	TestCloseInTurn_ASignalMayBeFiredUntilItsTurn,
	TestCloseInTurn_ErrorsAndPanicsOfActiveAreThoseOfTheOwner,
	TestCloseInTurn_FiredAndConnectedWhileItEnds,
	TestCloseInTurn_GoroutinesThatWaitForEachOthersOwnersDoNotHang,
	TestCloseInTurn_OnADeadOwnerTheSignalIsClosed,
	TestQueue_DrainsAtOnceHandleEachValueOnce,
	TestSignal_ConcurrentFiresRunConcurrently,
	TestBudget_ConnectAndDisconnectAllocateTwiceAtMost,
	TestSignal_ConnectDisconnectAndFireFromAllSidesKeepTheBooks,
	TestLeak_ConnectDisconnectPairsLeaveBothBooksEmptyAndTheHeapFlat,
	TestOwner_ConnectRacingDestroyLeavesNothingConnected,
	TestSignal_ConnectSelfHandsTheHandlerItsConnection,
	TestConnection_TwoAreToldApartThoughTheirHandlersAreTheSame,
	TestContext_EndsWithTheOwnerAndWithWhatItIsBoundTo,
	TestCountDropped_MisusePanics,
	TestDestroyContext_WithAnEndedContext,
	TestDestroyContext_GivesUpOnABlockedInterruptAndNamesIt,
	TestDestroy_FromManyGoroutinesRunsCleanupsOnceAndAllWait,
	TestOwn_EveryDestroyReturnsWhatClosersReturned,
	TestDestroy_DeferredUnderAHandlersPanicDoesNotWait,
	TestDestroy_InAPulledIteratorDoesNotWait,
	TestDestroy_IsABarrierThoughAnInterruptCallsGoexit,
	TestDestroy_IsABarrierThoughAnInterruptPanics,
	TestDestroy_TheErrorsOfWhatComesTooLateAreBounded,
	TestConnection_DisconnectIsTrueForTheCallThatDidIt,
	TestQueue_DrainDoesNotCountSkippedValues,
	TestQueue_DrainHandlesWhatIsPendingWhenItIsCalled,
	TestQueue_DrainCountsTheCallsThatItMadeWhenAConnectionDiesMeanwhile,
	TestQueue_DrainRunsHandlersOnItsCaller,
	TestEnded_CostsNothingBeforeItIsAskedFor,
	TestEnded_OfWhatWasNeverAliveIsClosed,
	TestGoErr_ErrorsThatCantBeComparedThoughTheirTypeCan,
	TestFinish_OfADeadOwnerIsDead,
	TestFinish_WithManualPanics,
	TestSignal_FireCallsHandlersInOrderOfConnection,
	TestBudget_FireDoesNotAllocate,
	TestSignal_FireIsDepthFirstAndReentrant,
	TestWaitAndValues_FireSynchronizesBeforeTheyGetTheValue,
	TestQueue_FlushOfAnIdleOneReturnsAtOnce,
	TestGoErr_AChildsErrorIsTheChildsUnlessItEndsWithItsParent,
	TestGoErr_EveryRealErrorIsJoined,
	TestGoErr_IsNamedByTheUsersFunctionAndSupervised,
	TestGoErr_OfConcurrentErrorsOneIsTheCauseAndAllAreTold,
	TestGoErr_RunReturnsItOnce,
	TestGoErr_RunThatGivesUpTellsIt,
	TestSignal_GoexitInAHandlerEndsTheFirersGoroutineWhenTheRestHasRun,
	TestLeak_GoroutinesTimersAndOncesThatAreOverLeaveNoTrace,
	TestHandle_TellsThePriorityOfAnOptionAndOfNoOther,
	TestHeartbeat_ZeroPanicsInTheNameOfTheCall,
	TestSignal_HigherPriorityComesFirstAndFirstConnectedWithinOne,
	TestHold_AFireOfADyingOwnersGoroutineLetsGoOfAManualQueue,
	TestHold_AFireOfADyingOwnersGoroutineLetsGoOfAValuesLoop,
	TestHold_AFireOfADyingOwnersTimerLetsGo,
	TestHold_AFireOnADeadOwnersGoroutineIsNotHeldAtAll,
	TestHold_AFireThatLetsGoLeavesTheRoomToOthers,
	TestHold_LeavesNothingInTheOwnerOfTheFirer,
	TestDestroy_InsideAHandlerOfAQuietOwnerIsComplete,
	TestSignal_InsideAOnceItsOwnerHoldsNothingOfItAnyMore,
	TestWhileActive_DestroyAndReconnectInsideAreSafe,
	TestInterrupt_RunsOnceAtTheCutOffNewestFirst,
	TestSignal_ManyNestedFiresUseMoreThanThePresenceTable,
	TestHeartbeat_MisusePanics,
	TestQueue_MisusePanics,
	TestOwner_MisusePanicsBeforeAnythingChanges,
	TestSignal_MisusePanicsBeforeAnythingChanges,
	TestWaitAndValues_MisusePanics,
	TestConnection_MuteCountsAndNeverRevives,
	TestDestroy_InNestedCleanupsUnwindsNoOwnerTwice,
	TestDestroy_InNestedFiresCompletesWithTheOutermostCall,
	TestNewSource_IfConnectingFailsNothingIsLeft,
	TestNewSource_MisusePanicsBeforeTheFunctionIsCalled,
	TestNewSource_OnceIsCalledOnceUnderConcurrentFires,
	TestNewSource_OnceIsForTheFirstValueThatPasses,
	TestNewSource_OncesThatComeAndGoLeaveNothing,
	TestConnection_NoFireThatBeginsAfterDisconnectCallsTheHandler,
	TestNotify_AValueFiredInADrainWakes,
	TestNotify_MisusePanicsBeforeAnythingChanges,
	TestNotify_TheFirstValueAfterEachDrainWakes,
	TestNotify_WakeIsGarbageWhenTheQueueHasEnded,
	TestOnLost_AFunctionIsGarbageOnceItWasTakenBack,
	TestSignal_OnceIsCalledExactlyOnceUnderConcurrentAndNestedFires,
	TestOwnBlocking_IsClosedBeforeAndOwnAfterWhatRuns,
	TestOwnBlocking_ReturnsItsArgumentAndIsNamedWhileItRuns,
	TestOwn_OfAnyKindOfNilPanicsAtTheCall,
	TestDestroy_OfParentAndChildAtOnce,
	TestOwner_PathsNamesAndParents,
	TestLeak_PrioritiesThatNobodyHasLeaveNoTrace,
	TestQueue_AFlushThatWasGivenUpOnIsForgotten,
	TestRun_LeavesBothItsContexts,
	TestRun_IsABarrierThoughAHandlerOfItsFunctionPanics,
	TestRun_ItsOwnerIsAmongTheRootsWhileItRuns,
	TestSignal_NilPanicsInTheNameOfTheCall,
	TestStaged_ADeepChainOfStagedOwnersEndsWithoutRecursion,
	TestStaged_ADestroyContextThatGivesUpCutsOffAllAndSaysWhatRuns,
	TestStaged_APanicOfACleanupGoesOnWhenTheStagesAreOver,
	TestStaged_BornOfAnEndedContextItIsBornEnded,
	TestStaged_ErrorsOfAllStagesAreToldOnceEach,
	TestStaged_FiredIntoCancelledAndDestroyedFromManyGoroutines,
	TestStaged_GoroutinesThatWaitForEachOthersOwnersDoNotHang,
	TestStaged_ItIsNotLostWhileItsStagesRunElsewhere,
	TestStaged_OnlyNewChildRefusesWhileTheStagesRun,
	TestStaged_RunWithGraceCutsOffWhatTheStagesHaveNotReached,
	TestStaged_TheContextHasNoDeadlineAndRunGivesTheStagesItsCause,
	TestStaged_WhatTheOwnerItselfHoldsLivesUntilItsOwnCutOff,
	TestStaged_WhereNothingRunsDestroyInAHandlerIsComplete,
	TestOwner_StatsCountTheSubtree,
	TestLeak_StoppedAndFinishedFunctionsAreGarbage,
	TestDestroy_APendingTeardownCompletesBeforeAnotherOwnersHandlerRuns,
	TestConnection_TheZeroOneIsDead,
	TestDestroy_TwoGoroutinesThatDestroyEachOthersOwnersDoNotDeadlock,
	TestDestroy_TwoHandlersThatDestroyEachOthersOwnersDoNotDeadlock,
	TestUnattended_IsNotReportedWhenItIsGarbage,
	TestOwner_UnwindsChildrenAndCleanupsNewestFirst,
	TestValues_OfManyFirersLosesNothing,
	TestWaitAndValues_OfAnyKindOfNilSourcePanicAtTheCall,
	TestWait_GoroutinesOfARingOfOwnersDoNotDeadlock,
	TestWait_LeavesNothingOnAConnectionThatAWrapperShares,
	TestLeak_WhatRunsAtOnceOnAnEndedOwnerIsGarbageThough,
	TestWhileActive_NeverOverlapsUnderConcurrency,
}

// A channel, timer or WaitGroup that is made in one bubble and used in another
// is a fatal error: so every test runs in two.
func TestTheSuiteRunsInTwoBubblesAfterAnother(t *testing.T) {
	for range 2 {
		for _, f := range bubbled {
			name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
			t.Run(name[strings.LastIndexByte(name, '.')+1:], func(t *testing.T) { synctest.Test(t, f) })
		}
	}
}

// What keeps a test out of a bubble: being in bubbles already, subtests, the
// network, other processes, counts that are the whole process's, and a clock of
// the machine's, or spinning on it.
var unbubbled = []string{"synctest.", "t.Run(", "net.", "crash(", "alone(", "captureLogs(", "GOMAXPROCS", "bubbled", "inBubble(", "eachHostile(", "orphaned(", "m=+", "racing(", "chainOf(depth", "destroysInside(", "var o order", "testing.Short() || raceEnabled"}

func TestTheListOfBubbledTestsIsComplete(t *testing.T) {
	listed := map[string]bool{}
	for _, f := range bubbled {
		name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
		listed[name[strings.LastIndexByte(name, '.')+1:]] = true
	}
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, file := range files {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, src, 0)
		require.NoError(t, err)
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") || f.Name.Name == "TestMain" {
				continue
			}
			body := string(src[set.Position(f.Pos()).Offset:set.Position(f.End()).Offset])
			want := true
			for _, s := range unbubbled {
				want = want && !strings.Contains(body, s)
			}
			require.Equal(t, want, listed[f.Name.Name], "%s: in the list of bubbled tests", f.Name.Name)
		}
	}
}

// outlive has a bubble do something with an owner that is older, and destroys it when the
// bubble is over. It returns what the process printed when it crashed.
func outlive(t *testing.T, inside func(outside *tether.Owner)) string {
	return crash(t, func() {
		outside := tether.NewOwner("outside")
		synctest.Test(t, func(*testing.T) { inside(outside) })
		go func() { time.Sleep(time.Minute); os.Exit(0) }() // no crash, but a hang
		_ = outside.Destroy()
	})
}

// The documentation of the package tells of these in its section on tests. It is a rule of
// the runtime's, and nothing that Destroy could recover from: a timer can't be stopped, nor
// a channel closed, by who is not in its bubble. Should one of these cease to be fatal, the
// documentation is to say so.
func TestBubble_DestroyOutsideOfAnOwnerThatOneHasUsedIsFatal(t *testing.T) {
	t.Run("AfterFunc", func(t *testing.T) {
		out := outlive(t, func(outside *tether.Owner) { outside.AfterFunc(time.Hour, func() {}) })
		require.Contains(t, out, "fatal error: stop of synctest timer from outside bubble")
	})
	t.Run("Ended", func(t *testing.T) {
		out := outlive(t, func(outside *tether.Owner) { outside.Ended() })
		require.Contains(t, out, "fatal error: close of synctest channel from outside bubble")
	})
	t.Run("Context", func(t *testing.T) {
		out := outlive(t, func(outside *tether.Owner) { outside.Context().Done() })
		require.Contains(t, out, "fatal error: close of synctest channel from outside bubble")
	})
}

// What the documentation says to do instead.
func TestBubble_DestroyInsideOfAChildThatOneHasMadeOfAnOlderOwnerIsFine(t *testing.T) {
	outside := tether.NewOwner("outside")
	synctest.Test(t, func(t *testing.T) {
		o := outside.NewChild("inside")
		ran := 0
		o.AfterFunc(time.Second, func() { ran++ })
		o.AfterFunc(time.Hour, func() { ran++ })
		o.Go(func(ctx context.Context) { <-ctx.Done() })
		var s tether.Signal[int]
		s.Connect(o, func(int) { ran++ }, tether.On(tether.NewQueue(o, 1, tether.Block)))
		s.Fire(1)
		time.Sleep(time.Minute)
		ended := o.Ended()
		require.NoError(t, o.Destroy())
		<-ended
		require.Equal(t, 2, ran)
	})
	require.Equal(t, tether.Stats{Owners: 1}, outside.Stats())
	require.NoError(t, outside.Destroy())
}
